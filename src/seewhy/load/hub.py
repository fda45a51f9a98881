"""The Hugging Face hub: what is in the cache is taken from there; the network is only asked where something answers."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from seewhy.errors import ModelError, setting

_NOT_FOUND = 404  # of HTTP
_PATIENCE = 5.0  # seconds; the hub's own package asks six times, with pauses that make half a minute


def cached(repository: str, files: Sequence[str]) -> Path | None:
    """The first of these files of a repository that the hub's cache holds.

    Raises ModelError for what cannot be a repository's name: most of all the path of a folder, mistyped.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for file in files:
        try:
            path = try_to_load_from_cache(repository, file)
        except HFValidationError as error:
            raise ModelError(f"There is no folder '{repository}', and it is no name on the hub (owner/name).") from error
        if isinstance(path, str):
            return Path(path)
    return None


def has(name: str, repository: str, file: str) -> bool:
    """True where the repository of the model ``name`` has this file: the cache knows, or else the hub is asked.

    Raises ModelError where the hub does not say: a file that cannot be fetched now may well be there.
    """
    from huggingface_hub import _CACHED_NO_EXIST, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    known = try_to_load_from_cache(repository, file)
    if known is not None:
        return known is not _CACHED_NO_EXIST
    check_reachable(name, repository, file)
    try:
        get_hf_file_metadata(hf_hub_url(repository, file))
    except Exception as error:  # of the hub, of the network
        is_missing = isinstance(error, HfHubHTTPError) and error.response.status_code == _NOT_FOUND
        if is_missing and not isinstance(error, RepositoryNotFoundError):
            return False
        raise unfetched(name, repository, error, file) from error
    return True


def check_reachable(name: str, repository: str, file: str = "") -> None:
    """Raises ModelError where the hub does not answer, so that the model ``name``, or a file of it, cannot be fetched."""
    from huggingface_hub import constants

    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        urllib.request.urlopen(request, timeout=_PATIENCE).close()
    except urllib.error.HTTPError as error:
        error.close()  # it answers
    except OSError as error:
        raise unfetched(name, repository, error, file) from error


def unfetched(name: str, repository: str, error: BaseException, file: str = "") -> ModelError:
    """The one line for a model, or a file of it, that is neither in the cache nor to be fetched."""
    from huggingface_hub import constants

    text = str(getattr(error, "reason", error)).strip()
    reason = text.splitlines()[0].rstrip(".") if text else type(error).__name__
    what = f"'{file}' of '{name}'" if file else f"'{name}'"
    advice = "Fetch it once" if file else f"Give your own {setting('weights')}"
    return ModelError(
        f"{what} is not in the cache '{constants.HF_HUB_CACHE}' and cannot be fetched from {constants.ENDPOINT}/{repository} "
        f"({reason}). {advice}, or {'give ' * bool(file)}a folder that holds the model."
    )

"""The Hugging Face hub: what is in the cache is taken from there; the network is only asked where something answers."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from seewhy.errors import ModelError, setting

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


def check_reachable(name: str, repository: str) -> None:
    """Raises ModelError where the hub does not answer, so that the model ``name`` cannot be fetched."""
    from huggingface_hub import constants

    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        urllib.request.urlopen(request, timeout=_PATIENCE).close()
    except urllib.error.HTTPError as error:
        error.close()  # it answers
    except OSError as error:
        raise unfetched(name, repository, error) from error


def unfetched(name: str, repository: str, error: BaseException) -> ModelError:
    """The one line for a model that is neither in the cache nor to be fetched."""
    from huggingface_hub import constants

    text = str(getattr(error, "reason", error)).strip()
    reason = text.splitlines()[0].rstrip(".") if text else type(error).__name__
    return ModelError(
        f"'{name}' is not in the cache '{constants.HF_HUB_CACHE}' and cannot be fetched from {constants.ENDPOINT}/{repository} "
        f"({reason}). Give your own {setting('weights')}, or a folder that holds the model."
    )

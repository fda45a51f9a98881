"""A doctor for classifiers: is the network given what it was trained on, and read as it was trained?"""

from seewhy.doctor.diagnosis import Diagnosis, doctor
from seewhy.doctor.findings import Attempt, Basis, Certainty, Fault, Finding, Unknown

__all__ = ["Attempt", "Basis", "Certainty", "Diagnosis", "Fault", "Finding", "Unknown", "doctor"]

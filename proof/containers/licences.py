"""The licences of installed distributions, from what these say of themselves."""

import re
from email.message import Message

# Licences under which a company ships an image without a duty beyond naming them; the MPL asks for changes of its own
# files alone.
PERMISSIVE = re.compile(
    r"\b(0BSD|Apache|BSD|CC0|ISC|MIT(-0)?|Mozilla|MPL|PSFL?|PSF-2\.0|Python Software Foundation|Unlicense|Zlib"
    r"|public domain|Dual License)\b",
    re.IGNORECASE,
)
OTHERS = re.compile(r"\b(AGPL|A?GNU|GPL\w*|LGPL\w*|SSPL|BUSL|Commercial|Proprietary|Elastic)\b", re.IGNORECASE)
# Distributions whose metadata name no licence; what their LICENSE file says.
TOLD_ELSEWHERE = {"polars-runtime-32": "MIT"}


def licence(about: Message) -> str:
    """What a distribution's metadata call its licence; empty where they do not."""
    expression = about["License-Expression"]
    if expression:
        return str(expression)
    classifiers = [str(row).rpartition("::")[2].strip() for row in about.get_all("Classifier", ()) if "License" in row]
    named = " OR ".join(row for row in classifiers if row != "OSI Approved")
    return named or str(about["License"] or "")[:2000] or TOLD_ELSEWHERE.get(normal(about["Name"]), "")


def may_be_shipped(said: str) -> bool:
    """Whether a licence is a permissive one; of several that one may choose from, one has to be."""
    choices = re.split(r"\s+OR\s+", said)
    return (
        any(PERMISSIVE.search(one) and not OTHERS.search(one) for one in choices)
        or "Permission is hereby granted, free of charge" in said
    )


def normal(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()

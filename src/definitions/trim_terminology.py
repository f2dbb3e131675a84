#!/usr/bin/env python3
"""Trims HL7's R4 code systems and value sets to what the terminology operations answer from.

    python3 trim_terminology.py R4_PACKAGE US_CORE_PACKAGE

The folders are those that trim.py takes. The result goes to r4/ beside this script: all code systems with their
concepts, and all value sets with what they are composed of, those of US Core too. A line begins with the type and
the URL, by which the server finds it without reading the rest.
"""

import pathlib
import sys

from trim import definitions, keep, write

HEAD = ("resourceType", "url", "id", "version", "name", "title", "status")


def trim_concept(concept):
    """A concept with those below it."""
    trimmed = keep(concept, "code", "display", "definition", "designation", "property")
    if trimmed.get("definition") == trimmed.get("display"):
        trimmed.pop("definition", None)
    if concept.get("concept"):
        trimmed["concept"] = [trim_concept(child) for child in concept["concept"]]
    return trimmed


def trim_code_system(system):
    """A CodeSystem with its concepts, without narrative and history."""
    trimmed = keep(system, *HEAD, "caseSensitive", "valueSet", "hierarchyMeaning", "content", "filter", "property")
    trimmed["concept"] = [trim_concept(concept) for concept in system.get("concept", [])]
    return trimmed


def trim_value_set(value_set):
    """A ValueSet with its composition."""
    return keep(value_set, *HEAD, "compose")


def by_url(folders, kind, trim):
    """The definitions of a kind that can be found by a URL and hold anything, in the order of their URLs."""
    found = {}
    for folder in folders:
        for definition in definitions(folder, kind):
            if definition.get("url") and (definition.get("compose") or definition.get("concept")):
                found.setdefault(definition["url"], trim(definition))
    return [found[url] for url in sorted(found)]


def main():
    """Reads the folders given and writes r4/."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folders = [pathlib.Path(argument) for argument in sys.argv[1:]]
    write("terminology-code-systems.ndjson.gz", by_url(folders, "CodeSystem", trim_code_system))
    write("terminology-value-sets.ndjson.gz", by_url(folders, "ValueSet", trim_value_set))


if __name__ == "__main__":
    main()

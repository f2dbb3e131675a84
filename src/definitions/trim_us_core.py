#!/usr/bin/env python3
"""Trims US Core's profiles to what they demand beyond R4.

    python3 trim_us_core.py R4_PACKAGE US_CORE_PACKAGE...

R4_PACKAGE is the unpacked folder of the npm package hl7.fhir.r4.examples 4.0.1; each US_CORE_PACKAGE that of
hl7.fhir.us.core, newest first: 6.1.0, then 3.1.1. An element that asks no more than R4 does is left out, since
R4's own definitions are checked anyway. The result goes to us-core/ beside this script, one definition a line.
"""

import json
import pathlib
import sys

import trim

OUT = pathlib.Path(__file__).parent / "us-core"
BASE = "http://hl7.org/fhir/StructureDefinition/"
VALUE_SET_LIMITS = "http://hl7.org/fhir/StructureDefinition/elementdefinition-"
# Of these every resource has some, and they are R4's own.
EVERYWHERE = ("ele-", "ext-", "dom-")


CDC_RACE = "urn:oid:2.16.840.1.113883.6.238"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
GENDER = "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"


def listed(system, *codes):
    """Codes of a system, as a value set includes them."""
    return {"system": system, "concept": [{"code": code} for code in codes]}


def below(root):
    """All codes of the CDC's race and ethnicity system under one of them."""
    return {"system": CDC_RACE, "filter": [{"property": "concept", "op": "descendent-of", "value": root}]}


# The value sets of which US Core 6.1.0 composes its own for sex, race and ethnicity, and which it does not carry.
VSAC = {
    f"http://cts.nlm.nih.gov/fhir/ValueSet/{oid}": [include]
    for oid, include in {
        "2.16.840.1.113762.1.4.1": listed(GENDER, "F", "M"),
        "2.16.840.1.113762.1.4.1021.102": listed(NULL_FLAVOR, "ASKU", "UNK"),
        "2.16.840.1.113762.1.4.1021.103": listed(NULL_FLAVOR, "ASKU", "OTH", "UNK"),
        "2.16.840.1.114222.4.11.836": listed(CDC_RACE, "1002-5", "2028-9", "2054-5", "2076-8", "2106-3"),
        "2.16.840.1.113883.3.2074.1.1.3": listed(CDC_RACE, "1002-5", "2028-9", "2054-5", "2076-8", "2106-3"),
        "2.16.840.1.114222.4.11.837": listed(CDC_RACE, "2135-2", "2186-5"),
        "2.16.840.1.113883.1.11.14914": below("1000-9"),
        "2.16.840.1.114222.4.11.877": below("2133-7"),
    }.items()
}


# Where a guide fixes a code that the value set which it requires there does not have.
CONTRADICTIONS = {("us-core-pulse-oximetry", "3.1.1"): "Observation.component.value[x]"}


class Base:
    """R4's own elements by path, and which definitions are types rather than profiles of them."""

    def __init__(self, folder):
        self.elements = {}
        self.types = set()
        for structure in trim.definitions(folder, "StructureDefinition"):
            if structure.get("derivation") != "constraint" and structure["kind"] != "logical":
                self.types.add(structure["url"])
                for element in structure["snapshot"]["element"]:
                    self.elements[element["path"]] = element

    def of(self, element):
        """The element of R4 that a profile's element narrows; one may have moved with its content reference."""
        return self.elements.get(element["path"]) or self.elements.get(element.get("base", {}).get("path"), {})


def value_set(url):
    """A value set's canonical URL without its version."""
    return url.split("|")[0]


def binding(element, base):
    """What a binding demands beyond R4's own: its value set, and the widest one that is allowed at all."""
    own = element.get("binding", {})
    if own.get("strength") in (None, "example") or not own.get("valueSet"):
        return None
    trimmed = {"strength": own["strength"], "valueSet": value_set(own["valueSet"])}
    for extension in own.get("extension", []):
        if extension["url"] == VALUE_SET_LIMITS + "maxValueSet":
            limit = {"url": extension["url"], "valueCanonical": value_set(extension["valueCanonical"])}
            trimmed["extension"] = [limit]
    basic = base.get("binding", {})
    same = basic.get("strength") == own["strength"] and value_set(basic.get("valueSet", "")) == trimmed["valueSet"]
    return None if same else trimmed


def types(element, base):
    """The types of an element where they are fewer than R4's, have profiles, or point to less."""
    own = []
    for entry in element.get("type", []):
        if entry["code"].startswith("http://hl7.org/fhirpath/"):
            # The id of an element, or the value of a primitive.
            return None
        trimmed = {"code": trim.fhir_type(entry), **trim.keep(entry, "profile", "targetProfile")}
        own.append(trimmed)
    basic = [
        {"code": trim.fhir_type(entry), **trim.keep(entry, "profile", "targetProfile")}
        for entry in base.get("type", [])
    ]
    return None if own == basic else own


def demands(element, base):
    """What an element demands beyond R4."""
    trimmed = {}
    if element["min"] > base.get("min", 0) or element.get("sliceName"):
        trimmed["min"] = element["min"]
    if element["max"] != base.get("max", "*") or element.get("sliceName"):
        trimmed["max"] = element["max"]
    if types(element, base):
        trimmed["type"] = types(element, base)
    if binding(element, base):
        trimmed["binding"] = binding(element, base)
    for name, value in element.items():
        if name.startswith(("fixed", "pattern", "minValue", "maxValue", "maxLength")) and base.get(name) != value:
            trimmed[name] = value
    return trimmed


def constraints(element, base, base_types):
    """The invariants that a profile adds."""
    basic = {constraint["key"] for constraint in base.get("constraint", [])}
    return [
        trim.keep(constraint, "key", "severity", "human", "expression")
        for constraint in element.get("constraint", [])
        if constraint.get("source") not in base_types
        and constraint["key"] not in basic
        and not constraint["key"].startswith(EVERYWHERE)
    ]


def trim_element(element, base, is_sliced):
    """An element with its demands, or None where it has none of its own."""
    trimmed = demands(element, base.of(element))
    slicing = element.get("slicing")
    # Extensions are sliced by their URL in every definition, whether there are slices or not.
    if slicing and (is_sliced or slicing["rules"] != "open"):
        trimmed["slicing"] = trim.keep(slicing, "discriminator", "rules", "ordered")
    added = constraints(element, base.of(element), base.types)
    if added:
        trimmed["constraint"] = added
    if not trimmed:
        return None
    return {**trim.keep(element, "path", "sliceName", "contentReference"), **trimmed}


def trim_profile(structure, base):
    """A profile whose snapshot holds the elements that demand something, and those around them."""
    trimmed = trim.keep(structure, "resourceType", "url", "version", "name", "title", "type", "kind", "derivation")
    elements = structure["snapshot"]["element"]
    for element in elements:
        if CONTRADICTIONS.get((structure["id"], structure.get("version"))) == element["path"]:
            element.pop("binding", None)
    sliced = {element["id"].rsplit(":", 1)[0] for element in elements if element.get("sliceName")}
    kept = {element["id"]: trim_element(element, base, element["id"] in sliced) for element in elements}
    needed = {elements[0]["id"]}
    for name in (name for name, element in kept.items() if element):
        while name not in needed:
            needed.add(name)
            parent, last = name.rsplit(".", 1)
            # A slice stands beside the element that it slices.
            needed.add(f"{parent}.{last.split(':')[0]}")
            name = parent
    plain = {element["id"]: trim.keep(element, "path", "sliceName") for element in elements}
    trimmed["snapshot"] = {"element": [kept[e["id"]] or plain[e["id"]] for e in elements if e["id"] in needed]}
    return trimmed


def profiles(folder, packages):
    """All profiles and extensions of the packages, and R4's extensions that these name."""
    base = Base(folder)
    found = []
    for package in packages:
        for structure in trim.definitions(package, "StructureDefinition"):
            if structure.get("derivation") == "constraint":
                found.append(trim_profile(structure, base))
    named = {
        profile
        for structure in found
        for element in structure["snapshot"]["element"]
        for entry in element.get("type", [])
        for profile in entry.get("profile", [])
    }
    for structure in trim.definitions(folder, "StructureDefinition"):
        if structure["url"] in named and structure["type"] == "Extension":
            found.append(trim_profile(structure, base))
    return found


def bound_value_sets(structures):
    """The value sets to which the profiles bind elements, in order of appearance."""
    urls = {}
    for structure in structures:
        for element in structure["snapshot"]["element"]:
            own = element.get("binding")
            if own:
                urls.setdefault(own["valueSet"], own["strength"])
                for extension in own.get("extension", []):
                    urls.setdefault(extension["valueCanonical"], "required")
    return urls


class Lists:
    """The value sets of R4 and of the packages, as far as their codes can be listed."""

    def __init__(self, folder, packages):
        self.terminology = trim.Terminology(folder)
        for package in reversed(packages):
            own = trim.Terminology(package)
            self.terminology.systems.update(own.systems)
            self.terminology.sets.update(own.sets)
        for url, include in VSAC.items():
            value_set = {"url": url, "compose": {"include": include}}
            self.terminology.sets.setdefault(url, value_set)

    def whole(self, url):
        """A value set with all its codes by system, or None."""
        by_system = {}
        for system, code in self.terminology.expand(url) or []:
            by_system.setdefault(system, []).append({"code": code})
        return [{"system": system, "concept": codes} for system, codes in by_system.items()] or None

    def partial(self, url):
        """A value set in which a system that cannot be listed stands without codes, or None."""
        includes = []
        for include in self.terminology.sets.get(url, {}).get("compose", {}).get("include", []):
            codes = self.terminology.included(include)
            if codes is not None and len(codes) <= trim.MAX_CODES:
                systems = dict.fromkeys(system for system, _ in codes)
                includes += [
                    {"system": own, "concept": [{"code": code} for system, code in codes if system == own]}
                    for own in systems
                ]
            elif "valueSet" not in include and include.get("system"):
                if {"system": include["system"]} not in includes:
                    includes.append({"system": include["system"]})
            elif len(include.get("valueSet", [])) == 1 and "system" not in include:
                inner = self.partial(value_set(include["valueSet"][0]))
                if inner is None:
                    return None
                includes += inner
            else:
                return None
        return includes or None


def value_sets(folder, packages, structures):
    """The value sets as lists of codes by system."""
    lists = Lists(folder, packages)
    known = {json.loads(line)["url"] for line in (trim.OUT / "value-sets.ndjson").read_text("utf-8").splitlines()}
    for url, strength in bound_value_sets(structures).items():
        if url in known:
            continue
        include = lists.whole(url) or lists.partial(url)
        if include is None:
            print(f"  no list for {url} ({strength})")
        else:
            yield {"resourceType": "ValueSet", "url": url, "compose": {"include": include}}


def main():
    """Reads the folders given and writes us-core/."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder, *packages = (pathlib.Path(argument) for argument in sys.argv[1:])
    OUT.mkdir(exist_ok=True)
    structures = profiles(folder, packages)
    trim.write(OUT / "profiles.ndjson", structures)
    trim.write(OUT / "value-sets.ndjson", list(value_sets(folder, packages, structures)))


main()

#!/usr/bin/env python3
"""Trims HL7's R4 definitions to what the server compiles at start.

    python3 trim.py R4_PACKAGE US_CORE_PACKAGE

R4_PACKAGE is the unpacked folder of the npm package hl7.fhir.r4.examples 4.0.1 (the whole specification, one
file a definition); US_CORE_PACKAGE that of hl7.fhir.us.core 6.1.0, for the search parameters that it adds. The
result goes to r4/ beside this script, one definition a line, in the order of their names, so that a change
shows as a small difference.
"""

import gzip
import json
import pathlib
import re
import sys

OUT = pathlib.Path(__file__).parent / "r4"
# A longer list is a vocabulary rather than a choice, and does not belong in a binary.
MAX_CODES = 2000
# Systems that no list can hold, by a value set that has all of one; src/fhir/shape/grammar.rs judges their codes.
WHOLE_SYSTEMS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": "urn:ietf:bcp:13",
    "http://hl7.org/fhir/ValueSet/ucum-units": "http://unitsofmeasure.org",
    "http://loinc.org/vs/LL379-9": "http://loinc.org",
}
# R4's package has ISO 4217 as of 2018, expanded. These came later, or had been withdrawn before and stand in older
# accounts: https://www.iso.org/iso-4217-currency-codes.html
OTHER_CURRENCIES = """
    SLE UYW VED VES XCG ZWG
    ADP AFA ATS AYM AZM BEF BGL BYB BYR CSD CYP DEM EEK ESP FIM FRF GHC GRD GWP IEP ITL LTL LUF LVL MGF MRO MTL MZM NLG
    PTE ROL RUR SDD SIT SKK SRG STD TMM TPE TRL USS VEB XFO XFU YUM ZMK ZWD ZWN ZWR
""".split()
# https://hl7.org/fhir/R4/datatypes.html#SimpleQuantity
SIMPLE_QUANTITY = {
    "key": "sqty-1",
    "severity": "error",
    "human": "The comparator is not used on a SimpleQuantity",
    "expression": "comparator.empty()",
}


def definitions(folder, kind):
    """The definitions of a kind that a package holds, in the order of their file names."""
    for path in sorted(folder.glob(f"{kind}-*.json")):
        definition = json.loads(path.read_text("utf-8"))
        # An example in the package may be named like a definition of another type.
        if definition["resourceType"] == kind:
            yield definition


def write(name, resources):
    """Writes one resource a line and says how many and how large; compressed, always to the same bytes, where the
    name ends with .gz."""
    path = OUT / name
    lines = [json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in resources]
    text = ("\n".join(lines) + "\n").encode("utf-8")
    path.write_bytes(gzip.compress(text, 9, mtime=0) if path.suffix == ".gz" else text)
    print(f"{name}: {len(lines)} definitions, {path.stat().st_size:,} bytes")


def keep(source, *names):
    """The elements of an object that are present and not empty."""
    return {name: source[name] for name in names if source.get(name) not in (None, [], {}, "")}


# --- structures ---------------------------------------------------------------------------------------------


def fhir_type(entry):
    """A type's code; the primitive values and ids are given as FHIRPath types with FHIR's name beside."""
    code = entry["code"]
    if code.startswith("http://hl7.org/fhirpath/"):
        for extension in entry.get("extension", []):
            if extension["url"].endswith("structuredefinition-fhir-type"):
                return extension.get("valueUrl") or extension.get("valueUri")
        return code.rsplit(".", 1)[1][0].lower() + code.rsplit(".", 1)[1][1:]
    return code


def trim_type(entry):
    """A type and, for a reference or canonical, the last part of the profiles that it may point to."""
    trimmed = {"code": fhir_type(entry)}
    if entry.get("targetProfile"):
        trimmed["targetProfile"] = [profile.rsplit("/", 1)[1] for profile in entry["targetProfile"]]
    return trimmed


def is_own(constraint, url, is_root):
    """Whether an invariant is kept where it stands: the type's own, what it takes over from Quantity, and on a
    resource the recommendation of a narrative (the rest of what every resource or element must obey is checked by
    the code that walks over it)."""
    key = constraint["key"]
    if key.startswith(("ele-", "ext-", "dom-")):
        return is_root and (constraint.get("source", url) == url or key == "dom-6")
    return constraint.get("source", url) == url or key.startswith(("qty-", "sqty-"))


def simple_quantity(element):
    """The invariant of SimpleQuantity, which is a profile of Quantity, where an element asks for it."""
    asks = any(p.endswith("/SimpleQuantity") for t in element.get("type", []) for p in t.get("profile", []))
    return [SIMPLE_QUANTITY] if asks else []


def trim_element(element, url, is_root):
    """An element as far as validation, documentation and summaries need it."""
    trimmed = keep(element, "path", "short", "min", "max", "contentReference", "isSummary", "isModifier")
    if element.get("type"):
        trimmed["type"] = [trim_type(entry) for entry in element["type"]]
    binding = element.get("binding", {})
    if binding.get("valueSet"):
        trimmed["binding"] = {"strength": binding["strength"], "valueSet": binding["valueSet"].split("|")[0]}
    if binding.get("strength") in ("example", None):
        trimmed.pop("binding", None)
    constraints = [
        keep(constraint, "key", "severity", "human", "expression")
        for constraint in element.get("constraint", []) + simple_quantity(element)
        if is_own(constraint, url, is_root)
    ]
    if constraints:
        trimmed["constraint"] = constraints
    for flag in ("isSummary", "isModifier"):
        if trimmed.get(flag) is False:
            del trimmed[flag]
    return trimmed


def trim_structure(structure):
    """A StructureDefinition with its snapshot, trimmed."""
    trimmed = keep(structure, "resourceType", "url", "name", "type", "kind", "abstract", "derivation", "baseDefinition")
    elements = structure["snapshot"]["element"]
    trimmed["snapshot"] = {"element": [trim_element(e, structure["url"], n == 0) for n, e in enumerate(elements)]}
    return trimmed


def structures(folder):
    """The types and resources that can occur in data: profiles, logical and abstract ones are left out."""
    for structure in definitions(folder, "StructureDefinition"):
        abstract = structure.get("abstract") and structure["name"] not in ("Element", "BackboneElement")
        profile = structure.get("derivation") == "constraint"
        if structure["kind"] != "logical" and not profile and not abstract:
            yield trim_structure(structure)


# --- value sets ---------------------------------------------------------------------------------------------


class Terminology:
    """The value sets and code systems at hand, and the expansion of one into the other."""

    def __init__(self, folder):
        self.systems = {system["url"]: system for system in definitions(folder, "CodeSystem")}
        self.sets = {value_set["url"]: value_set for value_set in definitions(folder, "ValueSet")}

    def concepts(self, system):
        """(code, its ancestors) of a code system that is here complete, else None."""
        code_system = self.systems.get(system)
        if code_system is None or code_system.get("content") not in ("complete", None):
            return None
        found = []

        def walk(concepts, ancestors):
            for concept in concepts:
                parents = {p["valueCode"] for p in concept.get("property", []) if p["code"] == "subsumedBy"}
                found.append((concept["code"], ancestors | parents))
                walk(concept.get("concept", []), ancestors | {concept["code"]})

        walk(code_system.get("concept", []), frozenset())
        return found or None

    def filtered(self, system, filters):
        """The codes of a system that pass every filter; None where a filter is not understood."""
        concepts = self.concepts(system)
        if concepts is None:
            return None
        direct = dict(concepts)

        def ancestors(code, seen=()):
            own = direct.get(code, frozenset())
            deeper = set(own)
            for parent in own:
                if parent not in seen:
                    deeper |= ancestors(parent, (*seen, code))
            return deeper

        codes = [code for code, _ in concepts]
        for condition in filters:
            value = condition["value"]
            if condition["property"] != "concept" or condition["op"] not in ("is-a", "descendent-of"):
                return None
            itself = {value} if condition["op"] == "is-a" else set()
            codes = [code for code in codes if code in itself or value in ancestors(code)]
        return codes

    def included(self, include):
        """The (system, code) pairs of one include, else None."""
        pairs = None
        if "concept" in include:
            pairs = [(include["system"], concept["code"]) for concept in include["concept"]]
        elif "system" in include:
            codes = self.filtered(include["system"], include.get("filter", []))
            if codes is None:
                return None
            pairs = [(include["system"], code) for code in codes]
        for url in include.get("valueSet", []):
            imported = self.expand(url)
            if imported is None:
                return None
            pairs = imported if pairs is None else [pair for pair in pairs if pair in set(imported)]
        return pairs

    def expand(self, url):
        """All (system, code) pairs of a value set, else None."""
        value_set = self.sets.get(url.split("|")[0])
        if value_set is None or not value_set.get("compose"):
            return None
        pairs = {}
        for include in value_set["compose"]["include"]:
            more = self.included(include)
            if more is None:
                return None
            pairs.update(dict.fromkeys(more))
        for exclude in value_set["compose"].get("exclude", []):
            less = self.included(exclude)
            if less is None:
                return None
            for pair in less:
                pairs.pop(pair, None)
        return list(pairs) if 0 < len(pairs) <= MAX_CODES else None


def required_value_sets(trimmed):
    """The urls of all value sets to which an element is bound as required, in order of appearance."""
    urls = {}
    for structure in trimmed:
        for element in structure["snapshot"]["element"]:
            binding = element.get("binding", {})
            if binding.get("strength") == "required":
                urls.setdefault(binding["valueSet"], None)
    return list(urls)


def currencies(folder):
    """The (system, code) pairs of ISO 4217."""
    bundle = json.loads((folder / "Bundle-valueset-expansions.json").read_text("utf-8"))
    sets = [entry["resource"] for entry in bundle["entry"]]
    contains = next(s["expansion"]["contains"] for s in sets if s["url"].endswith("/currencies"))
    codes = {entry["code"] for entry in contains} | set(OTHER_CURRENCIES)
    return [("urn:iso:std:iso:4217", code) for code in sorted(codes)]


def value_sets(folder, trimmed):
    """The required value sets as lists of codes by system, or as all of a system whose codes cannot be listed."""
    terminology = Terminology(folder)
    for url in required_value_sets(trimmed):
        pairs = currencies(folder) if url.endswith("/ValueSet/currencies") else terminology.expand(url)
        by_system = {}
        for system, code in pairs or []:
            by_system.setdefault(system, []).append({"code": code})
        result = {"resourceType": "ValueSet", "url": url}
        if by_system:
            include = [{"system": system, "concept": codes} for system, codes in by_system.items()]
            result["compose"] = {"include": include}
        elif url in WHOLE_SYSTEMS:
            result["compose"] = {"include": [{"system": WHOLE_SYSTEMS[url]}]}
        else:
            print(f"  no list for {url}")
        yield result


# --- search parameters and compartments ---------------------------------------------------------------------


def first_sentence(text):
    """The first sentence of a description, without the list of other resources that share the parameter."""
    text = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "").split())
    match = re.match(r"(.+?[.!?])(\s|$)", text)
    return (match.group(1) if match else text)[:200]


def description_for(parameter):
    """Shared parameters describe each resource in a list `* [Type](url): sentence`; keep the first sentence."""
    text = parameter.get("description", "")
    shared = re.findall(r"^\* \[\w+\]\([^)]*\): (.+)$", text.replace("\r\n", "\n"), re.M)
    return first_sentence(shared[0] if shared else text)


def trim_parameter(parameter):
    """A SearchParameter, trimmed."""
    trimmed = keep(parameter, "resourceType", "url", "name", "code", "base", "type", "expression", "target")
    if parameter.get("component"):
        trimmed["component"] = [keep(c, "definition", "expression") for c in parameter["component"]]
    if parameter["url"].endswith("/DocumentReference-relationship"):
        # R4 gives to each of the two the expression of the other: `relatesto` is the reference.
        first, second = trimmed["component"]
        first["expression"], second["expression"] = second["expression"], first["expression"]
    for flag in ("multipleOr", "multipleAnd"):
        if parameter.get(flag) is False:
            trimmed[flag] = False
    trimmed["description"] = description_for(parameter)
    return trimmed


def search_parameters(folder, us_core):
    """R4's own parameters without its examples and extension packs, then those that US Core adds."""
    known = set()
    for parameter in definitions(folder, "SearchParameter"):
        name = parameter["url"].rsplit("/", 1)[1]
        if "-extensions-" in name or "-genetic-" in name or name.startswith("example") or name == "filter":
            continue
        known.update((base, parameter["code"]) for base in parameter["base"])
        yield trim_parameter(parameter)
    for parameter in definitions(us_core, "SearchParameter"):
        if any((base, parameter["code"]) not in known for base in parameter["base"]) and parameter["code"] != "_id":
            trimmed = trim_parameter(parameter)
            # FHIRPath names a choice element without its type, and needs no spaces around `=`.
            expression = trimmed["expression"].replace("where(url = '", "where(url='")
            expression = re.sub(r"\.value[A-Z]\w+", ".value", expression)
            # A code is searched with its system too: the whole coding is the token.
            expression = re.sub(r"\.value\.coding\.code$", ".value.as(CodeableConcept)", expression)
            trimmed["expression"] = re.sub(r"\.value\.code$", ".value.as(Coding)", expression)
            yield trimmed


def compartments(folder):
    """The compartments: which parameters put a resource into each."""
    for resource in definitions(folder, "CompartmentDefinition"):
        if resource["url"].startswith("http://hl7.org/fhir/CompartmentDefinition/"):
            trimmed = keep(resource, "resourceType", "url", "code")
            trimmed["resource"] = [keep(entry, "code", "param") for entry in resource["resource"]]
            yield trimmed


def main():
    """Reads the folders given and writes r4/."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, us_core = (pathlib.Path(argument) for argument in sys.argv[1:])
    OUT.mkdir(exist_ok=True)
    trimmed = list(structures(folder))
    write("structures.ndjson", trimmed)
    write("value-sets.ndjson", list(value_sets(folder, trimmed)))
    write("search-parameters.ndjson", list(search_parameters(folder, us_core)))
    write("compartments.ndjson", list(compartments(folder)))


if __name__ == "__main__":
    main()

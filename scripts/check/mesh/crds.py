"""Judges Istio objects by Istio's own CRDs: their OpenAPI schemas with unknown fields refused, and their CEL rules.

The API server prunes what a schema does not know, silently: a misspelt field is then one that was never set. So here
every object has the fields that its schema lists and no others, unless x-kubernetes-preserve-unknown-fields says so.
"""

from urllib.parse import urlsplit

import cel
import jsonschema
import yaml

METADATA = {
    "type": "object",
    "required": ["name", "namespace"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"},
        "namespace": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


class Crds:
    """The schemas of a bundle of CRDs, by group, version and kind."""

    def __init__(self, path):
        self._schemas = {}
        with open(path, encoding="utf-8") as file:
            for crd in yaml.load_all(file, Loader=yaml.CSafeLoader):
                self._take(crd)

    def _take(self, crd):
        spec = crd["spec"]
        for version in (version for version in spec["versions"] if version["served"]):
            name = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            self._schemas[name] = version["schema"]["openAPIV3Schema"]

    def faults(self, document):
        """All that is wrong with an object, a sentence each; none for a good one."""
        name = (document.get("apiVersion"), document.get("kind"))
        schema = self._schemas.get(name)
        if schema is None:
            return [f"no CRD has {name[1]} in {name[0]}: correct kind or apiVersion"]
        whole = {
            "type": "object",
            "required": sorted({"metadata", *schema.get("required", [])}),
            "additionalProperties": False,
            "properties": {
                "apiVersion": {},
                "kind": {},
                "metadata": METADATA,
                "spec": strict(schema["properties"]["spec"]),
            },
        }
        errors = jsonschema.Draft202012Validator(whole).iter_errors(document)
        found = [f"{place(error.absolute_path)}: {middle_out(error.message)}" for error in errors]
        spec = document.get("spec")
        return found if found or spec is None else rules(schema["properties"]["spec"], spec, "spec")


def middle_out(text):
    """A message without the middle of the object that it quotes."""
    return text if len(text) < 240 else f"{text[:100]} … {text[-120:]}"


def place(path):
    """A path as people write it: spec.match[0].mode."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the object"


def strict(schema):
    """The schema with unknown fields refused. What stands under oneOf, anyOf and not adds no fields, so it stays."""
    schema = dict(schema)
    kind = schema.get("type")
    if "properties" in schema:
        schema["properties"] = {name: strict(inner) for name, inner in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = strict(schema["additionalProperties"])
    elif kind == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema["additionalProperties"] = False
    if "items" in schema:
        schema["items"] = strict(schema["items"])
    if schema.get("nullable") and kind:
        schema["type"] = [kind, "null"]
    return schema


def rules(schema, value, where):
    """The CEL rules that a value breaks, and all within it."""
    found = [
        broken(rule, where) for rule in schema.get("x-kubernetes-validations", []) if not holds(rule["rule"], value)
    ]
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            below = properties.get(name, others if isinstance(others, dict) else None)
            found += rules(below, inner, f"{where}.{name}") if below else []
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += rules(schema.get("items", {}), inner, f"{where}[{index}]")
    return found


def broken(rule, where):
    return f"{where}: {rule.get('message', 'breaks ' + rule['rule'])}"


def holds(rule, value):
    """Whether a CEL rule holds; with the functions that Kubernetes adds to CEL and these CRDs use."""
    context = cel.Context({"self": value})
    context.add_function("isURL", lambda text: bool(urlsplit(text).scheme))
    context.add_function("url", lambda text: text)
    context.add_function("getScheme", lambda text: urlsplit(text).scheme)
    context.add_function("substring", lambda text, start, end: text[start:end])
    return bool(cel.evaluate(rule, context))

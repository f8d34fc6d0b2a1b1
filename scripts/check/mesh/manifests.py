"""Files of Kubernetes objects, read as the API server would."""

import yaml


class Loader(yaml.SafeLoader):
    """YAML in which a member that stands there twice is an error, as it is to the API server."""

    def construct_mapping(self, node, deep=False):
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        if twice:
            raise yaml.YAMLError(f"{node.start_mark}: {', '.join(twice)} stands there twice")
        return super().construct_mapping(node, deep)


def documents(text):
    """The documents of a text that say something."""
    return [document for document in yaml.load_all(text, Loader=Loader) if document]


def read(file):
    """The documents of a file."""
    return documents(file.read_text(encoding="utf-8"))


def is_istio(document):
    """Whether an object is one of Istio's."""
    return str(document.get("apiVersion", "")).split("/")[0].endswith(".istio.io")


def zeros(text):
    """A digest of zeros is one that is yet to be put there, and its line has to say so."""
    lines = enumerate(text.splitlines(), 1)
    return [
        f"line {at}: a digest of zeros, and no REPLACE"
        for at, line in lines
        if "0" * 64 in line and "REPLACE" not in line
    ]

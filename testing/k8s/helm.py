# Helm's own engine for the tests of the chart: the library that helm-java is made of, called as C. Reads
# a list of calls from standard input as JSON, and writes what each said.

import ctypes
import json
import sys

text, number = ctypes.c_char_p, ctypes.c_int


class Result(ctypes.Structure):
    _fields_ = [(name, text) for name in ("out", "err", "standard_out", "standard_err")]


class Template(ctypes.Structure):
    _fields_ = [
        ("name", text),
        ("version", text),
        ("chart", text),
        ("namespace", text),
        ("kube_version", text),
        ("dependency_update", number),
        ("skip_crds", number),
        ("values", text),
        ("set_files", text),
        ("values_files", text),
        ("cert_file", text),
        ("key_file", text),
        ("ca_file", text),
        ("insecure_skip_tls_verify", number),
        ("plain_http", number),
        ("keyring", text),
        ("debug", number),
        ("repository_config", text),
    ]


class Lint(ctypes.Structure):
    _fields_ = [("path", text), ("strict", number), ("quiet", number)]


calls = json.load(sys.stdin)
library = ctypes.CDLL(sys.argv[1])
for name in ("Template", "Lint"):
    getattr(library, name).restype = Result


def call(one):
    options = {
        name: value.encode() if isinstance(value, str) else value
        for name, value in one["options"].items()
    }
    structure = {"Template": Template, "Lint": Lint}[one["function"]](**options)
    result = getattr(library, one["function"])(ctypes.byref(structure))
    return {"out": (result.out or b"").decode(), "fault": (result.err or b"").decode()}


json.dump([call(one) for one in calls], sys.stdout)

"""The API's own description (svc-api/openapi.json) as something to check answers against, and a plain HTTP client."""
import datetime
import json
import re
import socket
import urllib.parse

import jsonschema

METHODS = ("get", "post", "put", "patch", "delete")

_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_time(text):
    return not isinstance(text, str) or datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def as_json_schema(schema):
    """OpenAPI 3.0 has `nullable` where JSON Schema has one type more."""
    if isinstance(schema, list):
        return [as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {key: as_json_schema(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is True and "type" in schema:
        converted["type"] = [schema["type"], "null"]
    return converted


class Operation:
    def __init__(self, contract, method, path, raw):
        self.method, self.path, self.raw, self.id = method.upper(), path, raw, raw["operationId"]
        self.parameters = [contract.follow(parameter) for parameter in raw.get("parameters", [])]
        self.query = [parameter for parameter in self.parameters if parameter["in"] == "query"]
        content = raw.get("requestBody", {}).get("content", {}).get("application/json")
        self.body = content and contract.follow(content["schema"])
        self.example = content and content["example"]
        self.responses = {status: contract.follow(response) for status, response in raw["responses"].items()}
        self.pattern = re.compile(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(path)))

    def target(self, **values):
        """The path, filled with values or the examples of its parameters."""
        examples = {parameter["name"]: parameter.get("example") for parameter in self.parameters}
        return self.path.format(**{**examples, **values})


class Contract:
    def __init__(self, text):
        self.raw = json.loads(text)
        self._components = as_json_schema(self.raw["components"])
        self._validators = {}
        self.operations = [Operation(self, method, path, raw) for path, methods in self.raw["paths"].items()
                           for method, raw in methods.items() if method in METHODS]
        self.by_id = {operation.id: operation for operation in self.operations}

    def follow(self, value):
        while "$ref" in value:
            at = self.raw
            for part in value["$ref"].split("/")[1:]:
                at = at[part]
            value = at
        return value

    def find(self, method, path):
        """The operation that such a request is for, where there is one; fixed paths come before others."""
        found = [operation for operation in self.operations if operation.pattern.fullmatch(path)
                 and operation.method == ("GET" if method == "HEAD" else method)]
        return min(found, key=lambda operation: operation.path.count("{"), default=None)

    def fits(self, schema, value):
        """Raises where value does not fit."""
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {"allOf": [as_json_schema(schema)], "components": self._components}
            self._validators[key] = jsonschema.Draft7Validator(whole, format_checker=_formats)
        error = next(self._validators[key].iter_errors(value), None)
        assert error is None, f"{error.message} at {list(error.absolute_path)}"

    def is_error(self, answer):
        """The code of an answer that is an error, as all are."""
        assert answer.headers["content-type"] == "application/json", answer.headers
        self.fits({"$ref": "#/components/schemas/Error"}, answer.json)
        return answer.json["error"]["code"]

    def check(self, operation, answer):
        """An answer is one of those that the operation has."""
        response = operation.responses.get(str(answer.status))
        if response is None:
            assert answer.status >= 400, f"{operation.id}: {answer.status} is not described"
            self.is_error(answer)
            return
        for name, header in response.get("headers", {}).items():
            self.fits(header["schema"], int(answer.headers[name.lower()]))
        (kind, content), = response["content"].items()
        assert answer.headers["content-type"] == kind, answer.headers
        self.fits(content["schema"], answer.json if kind == "application/json" else answer.body.decode())


    def allows(self, operation, target, body):
        """What was not refused is what the operation takes."""
        query = urllib.parse.parse_qsl(target.partition("?")[2], keep_blank_values=True)
        known = {parameter["name"]: parameter["schema"] for parameter in operation.query}
        for name, text in query:
            is_number = known[name]["type"] == "integer"
            self.fits(known[name], int(text) if is_number else text)
        if body and operation.body:
            self.fits(operation.body, json.loads(body))
        else:
            assert not body or json.loads(body) == {}, "there is no body to take"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Wire:
    """One connection to an API, kept while it is; requests are sent as they are given, however odd."""

    def __init__(self, host, port, headers=None):
        self.host, self.port, self.headers = host, port, headers or {}
        self.sock = None

    def ask(self, method, target, body=None, headers=None, host=None):
        """body: bytes. None in headers takes one of ours away."""
        kind = {"Content-Type": "application/json"} if body is not None else {}
        all_headers = {"Host": host or f"127.0.0.1:{self.port}", **self.headers, **kind,
                       **({"Content-Length": str(len(body))} if body is not None else {}), **(headers or {})}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in all_headers.items()
                                                  if value is not None)]
        request = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body or b"")
        fresh = self.sock is None
        try:
            return self._ask(request, method)
        except (ConnectionError, EOFError):
            self.close()
            if fresh:
                raise
            return self._ask(request, method)    # it was kept for too long

    def _ask(self, request, method):
        if self.sock is None:
            self.sock = self.host.socket(kind=socket.SOCK_STREAM, timeout=60)
            self.sock.connect(("127.0.0.1", self.port))
        try:
            self.sock.sendall(request)
        except ConnectionError:
            pass    # it may have said why
        head, rest = self._read_until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        while len(rest) < length:
            rest += self._read()
        assert len(rest) == length, "more than was announced"
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(first.split()[1]), headers, rest)

    def _read(self):
        more = self.sock.recv(65536)
        if not more:
            raise EOFError
        return more

    def _read_until(self, mark):
        data = b""
        while mark not in data:
            data += self._read()
        head, rest = data.split(mark, 1)
        return head, rest

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

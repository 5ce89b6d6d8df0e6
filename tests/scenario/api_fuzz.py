"""Requests made from the API's description: good ones, and ones that are wrong in every way one can think of."""
import json
import urllib.parse

ODD_TEXTS = ["", " ", "a; b", "; ", "\t", "a\nb", "\x00", "\x1b[31m", "\u202eabc", "\u200b", "\u2028", "😀" * 20,
             "é" * 40, "%s%n%d", "../../token", "'; DROP TABLE settings; --", "<script>", "null", "x" * 62,
             "x" * 63, "x" * 64, "x" * 300, "ws://203.0.113.1:8667/x", "[::1]:1", "255.255.255.255:0",
             "10.66.0.2:27015", "-1", "1e3", "0" * 64]
RAW_TEXTS = [r'"\ud800"', r'"\udfff\ud800"', r'"\u0000"', r'"\x"', '"\xff"', r'"\u202e"', '"unended', "'single'"]
ODD_NUMBERS = ["-1", "0", "1", "65535", "65536", "4294967295", "4294967296", "9007199254740993",
               "9223372036854775807", "9223372036854775808", "18446744073709551616", "1" + "0" * 400, "0.5", "-0",
               "1e3", "1e400", "1e-400", "NaN", "Infinity", "0x10", "01", "+1"]
ODD_VALUES = ["null", "true", "[]", "{}", "[[]]", '[""]', '{"a":{}}', '""', "[1,2]",
              '["a","b","c","d","e","f","g","h","i"]']
ODD_SEGMENTS = ["", ".", "..", "..%2f", "..%2f..%2ftoken", "%2e%2e%2f", "%252e%252e", "%00", "a%00b", "%", "%z",
                "%f", "%c3%28", "%e2%80%ae", "%ed%a0%80", "%f0%9f%98%80", "%20", "a;%20b", "%3b%20x", "%22", "%5c",
                "%2f", "*", "%2a", "{peer}", "a" * 63, "a" * 255, "a" * 256, "a" * 2000, "arena%40x", "a?b", "ä",
                "ben%0d%0aX:1", "ben/", "//", "+", "&", "=", "statistics", "history", "0123456789abcdef", "%25s%25n"]
ODD_QUERIES = ["", "=", "&", "&&&", "x", "x=1", "%00=1", "a=%00", "a=%", "a=%c3%28", "limit=0", "offset=-1", "?",
               "#", "a=b=c", "&".join(f"p{i}=1" for i in range(20)), "n" * 40 + "=1", "a=" + "v" * 300,
               "a=" + "v" * 9000, "=1&=2", "a=%e2%80%ae"]
ODD_BODIES = [b"", b" ", b"{", b"}", b"[]", b"null", b"1", b'"x"', b"{}{}", b"{},", b"{'a':1}", b'{"a":1,}',
              b"\xef\xbb\xbf{}", b"\x00", b"{}\x00", b"\xff\xfe{\x00}\x00", b'{"\xff":1}', b'{"":""}',
              b'{"\\u0000":1}', b"[" * 5, b"[" * 60000, b'{"a":' * 2000, b'{"a":{"a":{"a":{"a":{}}}}}',
              b"{/* */}", b"name=x&game=y", b'{"a":"\\', b'{"__proto__":1}']
ODD_TYPES = [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp",
             "application/json-patch+json", "APPLICATION/JSON", "application/json; charset=utf-16",
             "application/json;", "multipart/form-data; boundary=x"]
ODD_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "PROPFIND", "FOO"]


class Request:
    def __init__(self, operation, method, target, body=None, headers=None, why=""):
        self.operation, self.method, self.target, self.body, self.headers = operation, method, target, body, headers
        self.why = why    # what is wrong with it

    def __repr__(self):
        return (f"{self.operation.id}, {self.why}: {self.method} {self.target[:200]!r} {self.headers or ''} "
                f"{(self.body or b'')[:300]!r}")


class Maker:
    """Makes requests. known: for the name of each path parameter and of some fields, values that mean something."""

    def __init__(self, random, known, contract):
        self.random, self.known, self.contract = random, known, contract
        self.wrongs = [self.odd_path, self.odd_query, self.odd_method]
        self.wrong_bodies = [self.odd_field, self.odd_field, self.odd_field, self.missing_field, self.extra_field,
                             self.twice, self.odd_body, self.odd_type]

    # ---- good ones

    def text_of(self, schema, name):
        """A value that fits, as JSON."""
        random, schema = self.random, self.contract.follow(schema)
        if schema.get("nullable") and random.random() < 0.1:
            return "null"
        if "enum" in schema:
            return json.dumps(random.choice(schema["enum"]))
        kind = schema.get("type")
        if kind == "integer":
            low, high = schema["minimum"], schema["maximum"]
            return str(random.choice([low, high, random.randint(low, high), random.randint(low, min(high, low + 100))]))
        if kind == "object":
            return self.body_of(self.some_settings()).decode()
        if kind == "boolean":
            return random.choice(["true", "false"])
        if kind == "array":
            items = [self.text_of(schema["items"], name) for _ in range(random.randint(0, schema["maxItems"]))]
            return f"[{', '.join(items)}]"
        if name in self.known and random.random() < 0.8:
            return json.dumps(random.choice(self.known[name]))
        return json.dumps("".join(random.choices("abcxyzäß 1_-😀", k=random.randint(1, 20))))

    def some_settings(self):
        names = self.random.sample(sorted(self.known["settings"]), k=self.random.randint(1, 3))
        return {name: json.dumps(self.known["settings"][name]) for name in names}

    def fields(self, operation, all_of_them=False):
        """{name: JSON text} of a good body."""
        schema = operation.body
        if "properties" not in schema:
            return self.some_settings()
        needed = schema.get("required", [])
        return {name: self.text_of(property, name) for name, property in schema["properties"].items()
                if all_of_them or name in needed or self.random.random() < 0.5}

    def query(self, operation):
        chosen = [parameter for parameter in operation.query if self.random.random() < 0.3]
        return urllib.parse.urlencode({
            parameter["name"]: json.loads(self.text_of(parameter["schema"], parameter["name"]))
            for parameter in chosen})

    def target(self, operation):
        names = [parameter["name"] for parameter in operation.parameters if parameter["in"] == "path"]
        path = operation.target(**{name: self.random.choice(self.known[name]) for name in names})
        query = self.query(operation)
        return f"{path}?{query}" if query else path

    @staticmethod
    def body_of(fields):
        if fields is None:
            return None
        members = ", ".join(f"{json.dumps(name)}: {text}" for name, text in fields.items())
        return f"{{{members}}}".encode("utf-8", "replace")

    def good(self, operation):
        if operation.body and self.random.random() < 0.3:
            body = json.dumps(operation.example).encode()
            return Request(operation, operation.method, self.target(operation), body, why="example")
        fields = self.fields(operation) if operation.body else None
        return Request(operation, operation.method, self.target(operation), self.body_of(fields), why="good")

    # ---- wrong ones

    def wrong(self, operation):
        kinds = self.wrongs + (3 * self.wrong_bodies if operation.body else [self.extra_field, self.odd_body])
        make = self.random.choice(kinds)
        request = make(operation)
        request.why = make.__name__
        return request

    def odd_path(self, operation):
        segments = operation.path.split("/")
        places = [i for i, segment in enumerate(segments) if segment.startswith("{")]
        at = self.random.choice(places if places and self.random.random() < 0.9 else range(1, len(segments)))
        segments[at] = self.random.choice(ODD_SEGMENTS)
        if self.random.random() < 0.05:
            segments += [self.random.choice(ODD_SEGMENTS)] * self.random.choice([1, 10])
        path = "/".join(segments)
        for place in places:
            path = path.replace(operation.path.split("/")[place], self.random.choice(ODD_SEGMENTS))
        body = json.dumps(operation.example).encode() if operation.body else None
        return Request(operation, operation.method, path.replace(" ", "%20"), body)

    def odd_query(self, operation):
        if operation.query and self.random.random() < 0.7:
            name = self.random.choice(operation.query)["name"]
            value = self.random.choice(ODD_NUMBERS + ODD_TEXTS)
            query = f"{name}={urllib.parse.quote(value)}" + self.random.choice(["", f"&{name}=1", "&x=1"])
        else:
            query = self.random.choice(ODD_QUERIES)
        body = json.dumps(operation.example).encode() if operation.body else None
        return Request(operation, operation.method, f"{operation.target()}?{query}", body)

    def odd_method(self, operation):
        method = self.random.choice([method for method in ODD_METHODS if method != operation.method])
        body = json.dumps(operation.example).encode() if operation.body and method not in ("GET", "HEAD") else None
        return Request(operation, method, self.target(operation), body)

    def with_fields(self, operation, fields):
        return Request(operation, operation.method, self.target(operation), self.body_of(fields))

    def odd_field(self, operation):
        fields = self.fields(operation, all_of_them=self.random.random() < 0.5) or {"x": "1"}
        for name in self.random.sample(sorted(fields), k=self.random.choice([1, 1, 1, min(2, len(fields))])):
            odd = self.random.choice([ODD_NUMBERS, ODD_VALUES, RAW_TEXTS, [json.dumps(text) for text in ODD_TEXTS],
                                      [json.dumps(text, ensure_ascii=False) for text in ODD_TEXTS]])
            fields[name] = self.random.choice(odd)
        return self.with_fields(operation, fields)

    def missing_field(self, operation):
        fields = self.fields(operation)
        for name in operation.body.get("required", [])[:1]:
            fields.pop(name, None)
        return self.with_fields(operation, fields)

    def extra_field(self, operation):
        fields = self.fields(operation) if operation.body else {}
        for name in self.random.sample(ODD_TEXTS, k=self.random.choice([1, 1, 5])):
            fields[name] = self.random.choice(ODD_NUMBERS[:12] + ODD_VALUES)
        return self.with_fields(operation, fields)

    def twice(self, operation):
        body = self.body_of(self.fields(operation) or {"a": "1"})
        return Request(operation, operation.method, self.target(operation), body[:-1] + b", " + body[1:])

    def odd_body(self, operation):
        body = self.random.choice(ODD_BODIES)
        if operation.body and self.random.random() < 0.5:
            body = json.dumps(operation.example).encode()
            at = self.random.randrange(len(body))
            body = self.random.choice([body[:at], body[:at] + bytes([self.random.randrange(256)]) + body[at + 1:],
                                       body + b"\x00", body[at:]])
        return Request(operation, operation.method, self.target(operation), body)

    def odd_type(self, operation):
        return Request(operation, operation.method, self.target(operation), self.body_of(self.fields(operation)),
                       {"Content-Type": self.random.choice(ODD_TYPES)})

    def oversize(self, operation):
        """More than a body may have; some of it more than is read and thrown away."""
        body = b'{"name": "' + b"x" * self.random.choice([65536, 70000, 300000]) + b'"}'
        return Request(operation, operation.method, self.target(operation), body, why="oversize")

    def refused(self, operation):
        """One that is refused for certain, for what is not to happen now."""
        fields = {**(self.fields(operation) if operation.body else {}), "no such field": self.random.choice(ODD_VALUES)}
        request = self.with_fields(operation, fields)
        request.why = "refused"
        return request

"""A caller of the standard library alone: python3 plain_caller.py COUNT URL. Which proxy it uses is in its environment."""

import collections
import json
import sys
import urllib.error
import urllib.request

answers = collections.Counter()
for _ in range(int(sys.argv[1])):
    try:
        with urllib.request.urlopen(sys.argv[2], timeout=10) as response:
            answers[response.read().decode()] += 1
    except urllib.error.HTTPError as error:
        body = error.read().decode()
        answers["error" if body in ("v1", "v2") else f"{error.code} {body}"] += 1
    except OSError as error:
        answers[f"no answer: {error}"] += 1
print(json.dumps(answers))

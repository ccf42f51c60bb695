"""Reads deliveries as JSON from standard input, verifies each with the published library, and says which hold."""

import json
import sys

from standardwebhooks.webhooks import Webhook


def verdict(delivery):
    try:
        Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"])
        return "ok"
    except Exception as error:  # Whatever is wrong, the test says it.
        return repr(error)


print(json.dumps([verdict(delivery) for delivery in json.load(sys.stdin)]))

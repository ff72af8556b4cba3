"""Prints every step of workers as it comes: python3 examples/subscribe.py http://127.0.0.1:25088

Further arguments: types (worker.*) and where to begin (now). The connection is made again where it breaks, and goes on
where it was; what comes twice is dropped. Nothing but the standard library is needed.
"""
import json, sys, time, urllib.error, urllib.parse, urllib.request

base, types, start = (sys.argv[1:] + ["http://127.0.0.1:25088", "worker.*", "now"][len(sys.argv) - 1:])[:3]
url = base + "/api/v1/events?" + urllib.parse.urlencode({"type": types, "from": start})
last = {}  # id of the last step by entity; it belongs beside what is done with the events
position = ""


def handle(event):
    place = [int(number) for number in event["id"].split("/")]  # shard/seq/index/step, compared number by number
    if place <= last.get(event["subject"], []):
        return
    last[event["subject"]] = place
    before, after = event["data"]["before"] or {"life": "nothing"}, event["data"]["after"]
    print(event["id"], event["subject"], event["type"], before["life"], "->", after["life"], flush=True)


while True:
    try:
        headers = {"Last-Event-ID": position} if position else {}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as stream:
            fields = {}
            for line in stream:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                fields[name] = value
                if not name and not value:  # an empty line ends a message
                    if "data" in fields and "event" not in fields:
                        handle(json.loads(fields["data"]))
                    position, fields = fields.get("id", position), {}
    except urllib.error.HTTPError as error:
        sys.exit(f"refused: {error.read().decode()}")
    except OSError as error:
        print(f"the connection broke ({error}); trying again", file=sys.stderr)
    time.sleep(1)

"""Prints every step of workers from the public topics: python3 examples/subscribe_kafka.py 127.0.0.1:9092 windrow

Arguments: brokers, prefix, topic (workers), consumer group, and where a new group begins (now, or start). A group goes
on where it stopped; members of one share the partitions. What comes twice is dropped. Needs kafka-python (PyPI).
"""
import json, signal, sys
from kafka import KafkaConsumer
from kafka.errors import KafkaError

usual = ["127.0.0.1:9092", "windrow", "workers", "example", "now"]
brokers, prefix, topic, group, start = (sys.argv[1:] + usual[len(sys.argv) - 1:])[:5]
last = {}  # id of the last step by entity; keep it with what is done with the events: after a restart some come again
stopping = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stopping.append(True))


def handle(event, data):
    place = [int(number) for number in event["id"].split("/")]  # shard/seq/index/step, compared number by number
    if place <= last.get(event["subject"], []):
        return
    last[event["subject"]] = place
    before, after = data["before"] or {"life": "nothing"}, data["after"]
    print(event["id"], event["subject"], event["type"], before["life"], "->", after["life"], flush=True)


consumer = KafkaConsumer(f"{prefix}.{topic}", bootstrap_servers=brokers.split(","), group_id=group,
                         auto_offset_reset="earliest" if start == "start" else "latest",
                         enable_auto_commit=False, allow_auto_create_topics=False)
while not stopping:
    for messages in consumer.poll(timeout_ms=500).values():
        for message in messages:
            handle({name[3:]: text.decode() for name, text in message.headers}, json.loads(message.value))
        try:
            consumer.commit()  # only what is done with
        except KafkaError as error:
            print(f"not committed ({error}); it will be read again", file=sys.stderr)
consumer.close(autocommit=False)

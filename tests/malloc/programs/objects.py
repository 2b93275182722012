"""Objects, cycles, dictionaries, text, threads and a child process; prints what any mistake of memory would change."""
import gc
import hashlib
import json
import os
import re
import sys
import threading

SCALE = int(sys.argv[1]) if len(sys.argv) > 1 else 1


class Node:
    def __init__(self, left, right):
        self.left, self.right, self.up = left, right, None
        for child in (left, right):
            if child:
                child.up = self


def tree(depth):
    return Node(tree(depth - 1), tree(depth - 1)) if depth else Node(None, None)


def size(node):
    return 1 + size(node.left) + size(node.right) if node else 0


kept = tree(11)
print("trees", sum(size(tree(11)) for _ in range(6 * SCALE)), size(kept))
gc.collect()

counts = {}
for i in range(60_000 * SCALE):
    word = f"w{i * 7919 % 5003}"
    counts.setdefault(word, []).append(i)
print("words", len(counts), max(len(places) for places in counts.values()))

text = json.dumps([{"id": i, "name": "n" * (i % 60), "part": [i, i / 7, str(i)]} for i in range(8_000 * SCALE)])
print("text", len(text), len(json.loads(text)), len(re.findall(r"n{20,30}\b", text)),
      hashlib.sha256(text.encode()).hexdigest())

results = [0, 0]


def work(number):
    rows = []
    for i in range(15_000 * SCALE):
        rows.append(bytearray(i % 3000))
        if len(rows) > 500:
            results[number] += sum(len(row) for row in rows)
            rows = rows[::7]
    results[number] += len(rows)


threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("threads", results)

sys.stdout.flush()
child = os.fork()
if not child:
    print("child", size(tree(8)), len(counts))
    sys.stdout.flush()
    os._exit(0)
print("child ended with", os.waitpid(child, 0)[1], size(kept))

"""What every peer in Python speaks: a request on standard input, an answer a line on standard output, all JSON.

A peer's file follows this one, defines a class, and ends with `serve(Class)`:

    __init__()        opens what the request names: REQUEST["data"] in REQUEST["folder"], own tables or the Parquet files
    load()            makes its own tables from the files
    query(text)       runs a query and fetches all of its result
    rows(result)      the result as rows of Python values
    client()          a function like `query` for one of many clients
    version()         what it is
    close()           ends it

The action "load" answers {"seconds", "version"}; "run" one line for each query: {"cold", "hot", "rows"}; "crowd" {"seconds",
"latencies"}. What cannot be done answers {"reason"}. Every query has a process of its own, forked before the engine is
opened; one that takes longer than it may is ended by the alarm, and when all so far took longer than they may together,
the rest is not asked.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time

REQUEST = json.loads(sys.stdin.readline())
OWN = REQUEST["layout"] == "own"
PLACE = os.path.join(REQUEST["folder"], REQUEST["data"])


def file_of(table):
    return f"{PLACE}/{table}.parquet"


def cell(value):
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def timed(query, text):
    began = time.perf_counter()
    result = query(text)
    return time.perf_counter() - began, result


def run(engine, text):
    cold, result = timed(engine.query, text)
    rows = [[cell(value) for value in row] for row in engine.rows(result)]
    hot = []
    while len(hot) < REQUEST["runs"] and sum(hot) < REQUEST["enough_s" if len(hot) >= REQUEST["least_runs"] else "long_s"]:
        hot.append(timed(engine.query, text)[0])
    return {"cold": cold, "hot": hot, "rows": rows}


def crowd(engine):
    texts, latencies, problems = REQUEST["queries"], [], []
    # What a program keeps on first and second sight it has kept when the clock starts.
    for text in texts * 2:
        engine.query(text)
    start = threading.Barrier(REQUEST["clients"] + 1)
    asking = [engine.client() for _ in range(REQUEST["clients"])]

    def ask(number):
        start.wait()
        turn, until = number, time.perf_counter() + REQUEST["seconds"]
        try:
            while time.perf_counter() < until:
                latencies.append(timed(asking[number], texts[turn % len(texts)])[0])
                turn += 1
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(REQUEST["clients"])]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return {"seconds": time.perf_counter() - began, "latencies": latencies}


def load(engine):
    began = time.perf_counter()
    engine.load()
    return {"seconds": time.perf_counter() - began, "version": engine.version()}


def attempt(opening, action):
    with contextlib.ExitStack() as stack:
        try:
            engine = opening()
            stack.callback(engine.close)
            return action(engine)
        except Exception as problem:
            return {"reason": f"{type(problem).__name__}: {problem}"[:1000]}


def in_process_of_its_own(opening, action):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(REQUEST["limit_s"])
        sys.stdout.write(json.dumps(attempt(opening, action)) + "\n")
        sys.stdout.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        late = os.WTERMSIG(status) == signal.SIGALRM
        reason = f"longer than {REQUEST['limit_s']} s" if late else f"ended by signal {os.WTERMSIG(status)}"
        print(json.dumps({"reason": reason}))


def serve(opening):
    if REQUEST["action"] == "run":
        began = time.perf_counter()
        for text in REQUEST["queries"]:
            if time.perf_counter() - began < REQUEST["suite_s"]:
                in_process_of_its_own(opening, lambda engine: run(engine, text))
            else:
                print(json.dumps({"reason": f"not asked: those before took {REQUEST['suite_s']} s"}))
    else:
        in_process_of_its_own(opening, load if REQUEST["action"] == "load" else crowd)

"""A client that is not ours: Python's grpcio, with messages made from the descriptors of proto/.

Calls what the arguments say (port, token, descriptors), and prints one line of JSON for each step.
"""

import json
import queue
import sys
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

port, token, descriptors = sys.argv[1:]
pool = descriptor_pool.DescriptorPool()
with open(descriptors, "rb") as file:
    for one in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(one)

factory = message_factory.MessageFactory(pool)


def message(name):
    found = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return factory.GetPrototype(found)  # before protobuf 4.22


channel = grpc.insecure_channel(f"127.0.0.1:{port}")
metadata = [("authorization", f"Bearer {token}")]


def method(kind, service, name):
    found = pool.FindServiceByName(f"todos.v1.{service}").methods_by_name[name]
    call = getattr(channel, kind)(
        f"/todos.v1.{service}/{name}",
        request_serializer=lambda one: one.SerializeToString(),
        response_deserializer=message(found.output_type.full_name).FromString,
    )
    return call, message(found.input_type.full_name)


def say(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


create, Create = method("unary_unary", "PersonalTodoService", "CreateOwnTodo")
say("unary", title=create(Create(title="Tea"), metadata=metadata).todo.title)

try:
    create(Create(title=""), metadata=metadata)
except grpc.RpcError as error:
    (details,) = [v for k, v in error.trailing_metadata() if k == "grpc-status-details-bin"]
    status = message("google.rpc.Status").FromString(details)
    types = [one.type_url.rsplit(".", 1)[1] for one in status.details]
    say("refused", code=error.code().name, details=types)

watch, Watch = method("unary_stream", "LiveService", "Watch")
try:
    list(watch(Watch(channel="mine"), metadata=metadata, timeout=0.5))
except grpc.RpcError as error:
    say("deadline", code=error.code().name)

watching = watch(Watch(channel="mine"), metadata=metadata)
first = next(watching)
create(Create(title="Milk"), metadata=metadata)
event = next(watching).event
say("watched", first=first.event.WhichOneof("event"), title=event.created.todo.title)
watching.cancel()
try:
    list(watching)
except grpc.RpcError as error:
    say("cancelled", code=error.code().name)

sync, Request = method("stream_stream", "LiveService", "Sync")
requests = queue.Queue()
answers = sync(iter(requests.get, None), metadata=metadata)
say("welcome", message=next(answers).WhichOneof("message"))
requests.put(Request(subscribe={"channel": "mine", "since": first.event.position}))
todo = {"command_id": str(uuid.uuid4()), "create_own_todo": {"title": "Bread"}}
heard, outcomes = [], []
requests.put(Request(command=todo))
while "applied" not in outcomes or "Bread" not in heard:
    answer = next(answers)
    if answer.WhichOneof("message") == "outcome":
        outcomes.append(answer.outcome.WhichOneof("outcome"))
    elif answer.event.WhichOneof("event") == "created":
        heard.append(answer.event.created.todo.title)
say("synced", heard=heard, outcomes=outcomes)
requests.put(None)
say("ended", rest=len(list(answers)), code=answers.code().name)

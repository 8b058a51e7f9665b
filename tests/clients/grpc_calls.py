"""Calls quickstart with grpcio, and prints what each call came to.

usage: grpc_calls.py HOST:PORT CA_PEM TOKEN
"""

import sys

import grpc

target, ca_path, token = sys.argv[1:]
with open(ca_path, "rb") as ca:
    tls = grpc.ssl_channel_credentials(ca.read())


def field(data):
    """One protobuf message with a string as its first field, less than 128 bytes."""
    return bytes([0x0A, len(data)]) + data


def call(name, credentials=None, metadata=None, stream=False):
    if credentials is not None:
        credentials = grpc.access_token_call_credentials(credentials)
    channel_credentials = (
        tls if credentials is None else grpc.composite_channel_credentials(tls, credentials)
    )
    with grpc.secure_channel(target, channel_credentials) as channel:
        # Without serializers, grpcio sends and gives bytes.
        try:
            if stream:
                method = channel.unary_stream("/inference.v1.Inference/GenerateStream")
                answers = list(method(field(b"a b"), metadata=metadata, timeout=20))
            else:
                method = channel.unary_unary("/inference.v1.Inference/Generate")
                answers = [method(field(b"a b"), metadata=metadata, timeout=20)]
            assert all(answer == field(answer[2:]) for answer in answers), answers
            print(f"{name}: OK: {'|'.join(answer[2:].decode() for answer in answers)}")
        except grpc.RpcError as error:
            print(f"{name}: {error.code().name}: {error.details()}")


call("unary", token)
call("stream", token, stream=True)
call("metadata", metadata=[("authorization", f"Bearer {token}")])
call("raw basic", metadata=[("authorization", f"Basic {token}")])
call("wrong", token + "x")
call("wrong stream", token + "x", stream=True)
call("none")
call("empty", "")
call("both", token, metadata=[("authorization", f"Bearer {token}")])
call("binary", metadata=[("authorization-bin", f"Bearer {token}".encode())])

// Calls bentocloud with the official gRPC-Web client, and prints what each call came to.
//
// usage: grpc_web_calls.js URL GOOD OTHER, two tokens: one that may call, one that may not

const { BinaryReader, BinaryWriter } = require("google-protobuf");
const { GrpcWebClientBase, MethodDescriptor, MethodType, StatusCode } = require("grpc-web");

// The client is written for browsers.
globalThis.XMLHttpRequest = require("xhr2");

const [url, good, other] = process.argv.slice(2);
const names = Object.fromEntries(Object.entries(StatusCode).map(([name, code]) => [code, name]));

/** A message with one string, as `GenerateRequest` and `GenerateResponse` are. */
class Text {
  constructor(text) {
    this.text = text;
  }
}

function serialize(message) {
  const writer = new BinaryWriter();
  writer.writeString(1, message.text);
  return writer.getResultBuffer();
}

function deserialize(bytes) {
  const reader = new BinaryReader(bytes);
  reader.nextField();
  return new Text(reader.readString());
}

function method(name, type) {
  const path = `/inference.v1.Inference/${name}`;
  return [path, new MethodDescriptor(path, type, Text, Text, serialize, deserialize)];
}

function unary(client, metadata) {
  const [path, descriptor] = method("Generate", MethodType.UNARY);
  return client
    .unaryCall(url + path, new Text("a b"), metadata, descriptor)
    .then((answer) => answer.text);
}

function stream(client, metadata) {
  const [path, descriptor] = method("GenerateStream", MethodType.SERVER_STREAMING);
  return new Promise((resolve, reject) => {
    const parts = [];
    client
      .serverStreaming(url + path, new Text("a b"), metadata, descriptor)
      .on("data", (answer) => parts.push(answer.text))
      .on("error", reject)
      .on("end", () => resolve(parts.join("|")));
  });
}

async function main() {
  const rows = [
    ["good", { authorization: `Bearer ${good}` }],
    ["raw basic", { authorization: `Basic ${good}` }],
    ["public", { "x-deployment": "hello" }],
    ["none", {}],
    ["wrong", { authorization: `Bearer ${good}x` }],
    ["other scope", { authorization: `Bearer ${other}` }],
    ["unknown", { authorization: `Bearer ${good}`, "x-deployment": "nowhere" }],
  ];
  const formats = [
    ["binary unary", "binary", unary],
    ["text unary", "text", unary],
    ["text stream", "text", stream],
  ];
  for (const [kind, format, call] of formats) {
    const client = new GrpcWebClientBase({ format });
    for (const [name, metadata] of rows) {
      const came = call(client, metadata).then(
        (text) => `OK: ${text}`,
        (error) => `${names[error.code]}: ${error.message}`,
      );
      console.log(`${kind}, ${name}: ${await came}`);
    }
  }
}

main();

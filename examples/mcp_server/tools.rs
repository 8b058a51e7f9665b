//! The tools, and the scope of each.

use serde_json::{Value, json};
use tower_authn::{Principal, ScopeRule};

const TOOLS: [(&str, &str); 2] = [("echo", "tools:echo"), ("restart", "tools:restart")];

/// The reason why a tool is not run.
pub(crate) enum Refused {
    LacksScopes(ScopeRule),
    Unknown,
}

/// Lists the tools. A client gets a token for one when it calls it.
pub(crate) fn list() -> Value {
    let schema = json!({ "type": "object" });
    let tools = TOOLS.map(|(name, _)| json!({ "name": name, "inputSchema": schema }));
    json!({ "tools": tools })
}

/// Calls a tool, which answers with its arguments here.
pub(crate) fn call(caller: &Principal, params: &Value) -> Result<Value, Refused> {
    let tool = TOOLS.iter().find(|(known, _)| params["name"] == *known);
    let (_, scope) = tool.ok_or(Refused::Unknown)?;
    let required = ScopeRule::all_of([scope]).map_err(|_| Refused::Unknown)?;
    if !required.allows(caller) {
        return Err(Refused::LacksScopes(required));
    }
    let text = params["arguments"].to_string();
    Ok(json!({ "content": [{ "type": "text", "text": text }] }))
}

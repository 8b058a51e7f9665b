//! The tools, and the scope of each.

use serde_json::{Value, json};
use tower_authn::{Principal, Scope, Scoped};

const TOOLS: [(&str, &str); 2] = [("search", "docs:read"), ("restart", "deployment:restart")];

/// The reason why a tool is not run.
pub(crate) enum Refused {
    LacksScope(&'static str),
    Unknown,
}

/// Lists the tools that the caller may call.
pub(crate) fn list(caller: &Principal) -> Value {
    let tools = TOOLS.iter().filter(|(_, scope)| has_scope(caller, scope));
    let schema = json!({ "type": "object" });
    let tools = tools.map(|(name, _)| json!({ "name": name, "inputSchema": schema }));
    json!({ "tools": tools.collect::<Vec<_>>() })
}

/// Calls a tool, which answers with its name here.
pub(crate) fn call(caller: &Principal, name: &Value) -> Result<Value, Refused> {
    let mut tools = TOOLS.iter();
    let tool = tools.find(|(known, _)| name == known);
    let (name, scope) = tool.ok_or(Refused::Unknown)?;
    if !has_scope(caller, scope) {
        return Err(Refused::LacksScope(scope));
    }
    Ok(json!({ "content": [{ "type": "text", "text": format!("{name}: done") }] }))
}

fn has_scope(caller: &Principal, scope: &str) -> bool {
    let scope = scope.parse::<Scope>();
    scope.is_ok_and(|scope| caller.has_scope(&scope))
}

//! A JSON object of strings, written without `serde_json`, which is optional.

/// Writes a JSON object of strings and lists of strings. No text has a control
/// character.
pub(super) struct JsonObject(String);

impl JsonObject {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(super) fn push_text(&mut self, name: &str, value: &str) {
        self.push_name(name);
        push_quoted(&mut self.0, value);
    }

    /// Adds a list, unless it is empty (RFC 9728 §3.2).
    pub(super) fn push_list<T: AsRef<str>>(&mut self, name: &str, values: &[T]) {
        for (index, value) in values.iter().enumerate() {
            match index {
                0 => {
                    self.push_name(name);
                    self.0.push('[');
                }
                _ => self.0.push(','),
            }
            push_quoted(&mut self.0, value.as_ref());
        }
        if !values.is_empty() {
            self.0.push(']');
        }
    }

    fn push_name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_quoted(&mut self.0, name);
        self.0.push(':');
    }

    pub(super) fn end(self) -> String {
        self.0 + "}"
    }
}

/// Adds a string ([RFC 8259 §7](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
fn push_quoted(json: &mut String, text: &str) {
    json.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            json.push('\\');
        }
        json.push(char);
    }
    json.push('"');
}

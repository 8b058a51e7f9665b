//! The HTML of the page.

use crate::manage::TokenAdmin;

const TEMPLATE: &str = include_str!("assets/page.html");

/// Renders the page. `base` is the path of the mounted page, relative to the
/// address in the browser; `next` is the script's action after a sign-in.
pub(super) fn render(admin: &TokenAdmin, base: &str, target: &str, next: &str) -> String {
    TEMPLATE
        .replace("{{base}}", &escape(base))
        .replace("{{title}}", &escape(&admin.title))
        .replace("{{targets_hint}}", &escape(&admin.targets_hint))
        .replace("{{target}}", &escape(target))
        .replace("{{target_link}}", &target_link(admin, target))
        .replace("{{next}}", next)
}

/// Returns the base of the page relative to itself. A proxy may have removed a
/// prefix from the path, which the browser still shows.
pub(super) fn relative_base(path: &str) -> String {
    match path.rsplit('/').next().unwrap_or_default() {
        "" => ".".to_owned(),
        // The dot keeps a colon in the name from ending a scheme.
        last => format!("./{last}"),
    }
}

/// Returns a link to the target's own page, or an empty text if the app has not set one.
fn target_link(admin: &TokenAdmin, target: &str) -> String {
    if admin.target_link.is_empty() || target.is_empty() {
        return String::new();
    }
    let address = admin
        .target_link
        .replace("{target}", &percent_encode(target));
    let (address, target) = (escape(&address), escape(target));
    format!(r#"<p><a href="{address}">{target}</a></p>"#)
}

/// Encodes a text as one segment of a path (RFC 3986 §2.3).
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

/// Escapes a text for HTML, in attributes too.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // A text can't contain the placeholder of another one.
            '{' => html.push_str("&#123;"),
            other => html.push(other),
        }
    }
    html
}

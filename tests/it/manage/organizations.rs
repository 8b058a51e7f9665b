//! Organizations do not see each other's tokens.

use serde_json::{Value, json};
use tower_authn::tokens::{CreatedToken, NewToken};

use super::{Answer, App, JSON, NOW, request};

struct Two {
    app: App,
    north: CreatedToken,
    south: CreatedToken,
    /// A token of the south, and one without an organization.
    theirs: [CreatedToken; 2],
}

async fn two() -> Two {
    let app = App::new().await;
    let south = NewToken::new("anna").name("laptop").organization("south");
    Two {
        north: app.manager("north").await,
        south: app.manager("south").await,
        theirs: [
            app.make(south).await,
            app.make(NewToken::new("anna").name("laptop")).await,
        ],
        app,
    }
}

fn ids(answer: &Answer) -> Vec<String> {
    let page = answer.ok();
    let ids = page["items"].as_array().unwrap().iter();
    ids.map(|token| token["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn m02_a_token_of_another_organization_is_answered_like_a_missing_one() {
    let Two {
        app, north, theirs, ..
    } = two().await;
    let nowhere = "000000000000".to_owned();
    let ids = theirs.each_ref().map(|made| made.record.id.to_string());
    for (method, what, body) in [
        ("GET", "", ""),
        ("PATCH", "", r#"{"name":"x"}"#),
        ("POST", "/suspend", ""),
        ("POST", "/resume", ""),
        ("POST", "/rotate", "{}"),
        ("POST", "/revoke", "{}"),
    ] {
        let ask = async |id: &str| {
            let path = format!("/tokens/{id}{what}");
            app.send(request(method, &path, north.secret.expose(), JSON, body))
                .await
        };
        let expected = ask(&nowhere).await;
        assert_eq!(expected.status, 404);
        for id in &ids {
            let answer = ask(id).await;
            assert_eq!(
                (answer.status, &answer.text),
                (404, &expected.text),
                "{method} {what}"
            );
            assert_eq!(answer.headers, expected.headers);
        }
    }
    for made in &theirs {
        let record = app.tokens.get(made.record.id).await.unwrap().record;
        assert_eq!(record, made.record, "nothing was changed");
    }
}

#[tokio::test]
async fn m02_lists_and_filters_show_only_the_callers_organization() {
    let Two {
        app,
        north,
        south,
        theirs,
    } = two().await;
    let own = app
        .make(NewToken::new("anna").name("laptop").organization("north"))
        .await;
    for query in [
        "",
        "?search=laptop",
        "?subject=anna",
        "?state=active",
        "?target=demo",
    ] {
        let listed = ids(&app
            .get(&format!("/tokens{query}"), north.secret.expose())
            .await);
        assert!(listed.contains(&own.record.id.to_string()), "{query}");
        for theirs in theirs.iter().chain([&south]) {
            assert!(!listed.contains(&theirs.record.id.to_string()), "{query}");
        }
    }
    // A cursor gives no rights.
    app.hands.set(NOW + 1);
    let all = app.make(NewToken::new("root").scopes(["resources"])).await;
    let page = app.get("/tokens?limit=1", all.secret.expose()).await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    let listed = ids(&app
        .get(&format!("/tokens?cursor={cursor}"), north.secret.expose())
        .await);
    assert_eq!(listed.len(), 2);
    assert_eq!(
        ids(&app.get("/tokens", all.secret.expose()).await).len(),
        6,
        "a manager without an organization sees all"
    );
}

#[tokio::test]
async fn m02_introspection_hides_tokens_of_other_organizations() {
    let Two {
        app,
        north,
        south,
        theirs,
    } = two().await;
    let body = format!("token={}", theirs[0].secret.expose());
    let ask = async |by: &CreatedToken| -> Value {
        app.form("/introspect", by.secret.expose(), &body)
            .await
            .ok()
    };
    assert_eq!(ask(&north).await, json!({ "active": false }));
    assert_eq!(ask(&south).await["active"], true);
}

#[tokio::test]
async fn m02_an_organization_has_a_name() {
    let app = App::new().await;
    let root = app.make(NewToken::new("root").scopes(["resources"])).await;
    let asked = json!({ "organization": "" });
    let refused = app.post("/tokens", root.secret.expose(), asked).await;
    assert_eq!(refused.fault(), (422, "organization".to_owned()));
}

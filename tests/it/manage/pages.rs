//! Lists and their pages.

use std::collections::BTreeSet;

use tower_authn::tokens::{CreatedToken, NewToken, TokenSelector};

use super::{App, NOW};

/// The ids of a page, and the cursor of the next one.
async fn page(app: &App, root: &CreatedToken, query: &str) -> (Vec<String>, Option<String>) {
    let page = app
        .get(&format!("/tokens?{query}"), root.secret.expose())
        .await
        .ok();
    let items = page["items"].as_array().unwrap().iter();
    let ids = items.map(|token| token["id"].as_str().unwrap().to_owned());
    let next = page["next_cursor"].as_str().map(str::to_owned);
    (ids.collect(), next)
}

/// The ids on all pages of a query.
async fn all(app: &App, root: &CreatedToken, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut next) = page(app, root, &format!("{query}&limit={limit}")).await;
    while let Some(cursor) = next {
        let query = format!("{query}&limit={limit}&cursor={cursor}");
        let (more, after) = page(app, root, &query).await;
        assert!(more.len() <= limit);
        ids.extend(more);
        next = after;
    }
    ids
}

#[tokio::test]
async fn pages_neither_miss_nor_repeat_tokens_while_others_are_added() {
    let app = App::new().await;
    let root = app.root().await;
    let mut known = BTreeSet::from([root.record.id.to_string()]);
    for second in 0..25 {
        // Some are created at the same time, so their ids decide the order.
        app.hands.set(NOW + second / 3);
        let made = app.make(NewToken::new("anna")).await;
        known.insert(made.record.id.to_string());
    }
    for limit in [1, 7, 25, 26, 27, 200] {
        let (mut ids, mut next) = page(&app, &root, &format!("limit={limit}")).await;
        let mut added = BTreeSet::new();
        app.hands.set(NOW + 100 + limit);
        while let Some(cursor) = next {
            let made = app.make(NewToken::new("bert")).await;
            added.insert(made.record.id.to_string());
            let (more, after) = page(&app, &root, &format!("limit={limit}&cursor={cursor}")).await;
            ids.extend(more);
            next = after;
        }
        let distinct: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(distinct.len(), ids.len(), "a repeat with {limit}");
        assert!(distinct.is_superset(&known), "one is missing with {limit}");
        assert!(distinct.is_disjoint(&added));
        known.extend(added);
    }
}

#[tokio::test]
async fn a_full_last_page_has_no_next_one() {
    let app = App::new().await;
    let root = app.root().await;
    app.make(NewToken::new("anna")).await;
    assert_eq!(page(&app, &root, "limit=2").await.1, None);
    assert!(page(&app, &root, "limit=1").await.1.is_some());
}

#[tokio::test]
async fn each_filter_shows_what_it_names_and_nothing_else() {
    let app = App::new().await;
    let root = app.root().await;
    let id = |made: &CreatedToken| made.record.id.to_string();
    let laptop = NewToken::new("anna").name("My Laptop").targets(["demo-*"]);
    let laptop = id(&app.make(laptop).await);
    let robot = NewToken::new("bert")
        .description("100% a_robot")
        .targets(["test"]);
    let robot = id(&app.make(robot).await);
    let suspended = app.make(NewToken::new("carl").name("s")).await;
    app.tokens.suspend(suspended.record.id).await.unwrap();
    let suspended = id(&suspended);
    let revoked = app.make(NewToken::new("carl").name("r")).await;
    app.tokens
        .revoke(TokenSelector::Id(revoked.record.id), "", "")
        .await
        .unwrap();
    let revoked = id(&revoked);
    let soon = tower_authn::token::Timestamp::from_secs(NOW + 10);
    let expired = id(&app.make(NewToken::new("carl").expires_at(soon)).await);
    let later = tower_authn::token::Timestamp::from_secs(NOW + 30);
    let not_yet = id(&app.make(NewToken::new("carl").not_before(later)).await);
    let root_id = id(&root);
    app.hands.set(NOW + 20);

    let unbound = [&suspended, &revoked, &expired, &not_yet, &root_id];
    let rows = [
        ("search=laptop", vec![&laptop]),
        ("search=LAPTOP", vec![&laptop]),
        ("search=0%25%20a_r", vec![&robot]),
        ("search=%25", vec![&robot]),
        ("search=_", vec![&robot]),
        ("search=nothing", vec![]),
        ("subject=anna", vec![&laptop]),
        ("subject=ann", vec![]),
        ("state=active", vec![&laptop, &robot, &root_id]),
        ("state=suspended", vec![&suspended]),
        ("state=revoked", vec![&revoked]),
        ("state=expired", vec![&expired]),
        ("state=not_yet", vec![&not_yet]),
        ("state=revoked&subject=anna", vec![]),
        ("target=demo-1", [vec![&laptop], unbound.to_vec()].concat()),
        ("target=test", [vec![&robot], unbound.to_vec()].concat()),
        ("target=test&state=active", vec![&robot, &root_id]),
    ];
    for (query, expected) in rows {
        let expected: BTreeSet<_> = expected.into_iter().cloned().collect();
        for limit in [1, 2, 200] {
            let found = all(&app, &root, query, limit).await;
            assert_eq!(found.len(), expected.len(), "{query}, {limit}");
            assert_eq!(BTreeSet::from_iter(found), expected, "{query}, {limit}");
        }
    }
}

#[tokio::test]
async fn a_filter_that_scans_many_tokens_continues_on_the_next_page() {
    let app = App::new().await;
    let root = app.root().await;
    let wanted = app.make(NewToken::new("anna").targets(["demo"])).await;
    app.hands.set(NOW + 1);
    for _ in 0..1_100 {
        app.make(NewToken::new("bert").targets(["test"])).await;
    }
    let (first, next) = page(&app, &root, "target=demo").await;
    assert!(
        first.is_empty() && next.is_some(),
        "a thousand were scanned"
    );
    let found = all(&app, &root, "target=demo", 50).await;
    let expected = [wanted.record.id.to_string(), root.record.id.to_string()];
    assert_eq!(BTreeSet::from_iter(found), BTreeSet::from(expected));
}

#[tokio::test]
async fn the_tokens_of_a_retired_key_are_listed_as_revoked() {
    let app = App::new().await;
    let root = app.root().await;
    let old = app.make(NewToken::new("anna")).await;
    let imported = "0123456789abcdefghij-imported";
    let manager = NewToken::new("ivan").scopes(["resources"]).never_expires();
    let ivan = app.tokens.import(imported, manager).await.unwrap();
    app.tokens
        .retire_key(old.record.kid.unwrap(), "", "")
        .await
        .unwrap();
    let listed = async |state: &str| {
        let page = app
            .get(&format!("/tokens?state={state}"), imported)
            .await
            .ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.iter().all(|token| token["state"] == state), "{page}");
        let ids = items
            .iter()
            .map(|token| token["id"].as_str().unwrap().to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    assert_eq!(
        listed("active").await,
        BTreeSet::from([ivan.id.to_string()])
    );
    let gone = [&old, &root].map(|made| made.record.id.to_string());
    assert_eq!(listed("revoked").await, BTreeSet::from(gone));
}

#[tokio::test]
async fn an_invalid_query_parameter_is_named() {
    let app = App::new().await;
    let root = app.root().await;
    let cursor = format!("{}.{}", NOW * 1_000, root.record.id);
    let rows = [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=1", "limit"),
        ("cursor=", "cursor"),
        ("cursor=5", "cursor"),
        (&format!("cursor=0{cursor}"), "cursor"),
        (&format!("cursor=%2B{cursor}"), "cursor"),
        (&format!("cursor={cursor}x"), "cursor"),
        ("state=good", "state"),
        ("state=active&state=active", "state"),
        ("search=%00", "search"),
        ("subject=a%0Ab", "subject"),
        ("target=%7F", "target"),
        ("sort=name", ""),
        ("Limit=1", ""),
    ];
    for (query, field) in rows {
        let refused = app
            .get(&format!("/tokens?{query}"), root.secret.expose())
            .await;
        assert_eq!(refused.fault(), (422, field.to_owned()), "{query}");
    }
    let accepted = format!("limit=200&cursor={cursor}&state=active&search=&subject=a&target=b");
    page(&app, &root, &accepted).await;
}

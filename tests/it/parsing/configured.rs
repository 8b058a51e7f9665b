//! What can't be configured.

use base64::{Engine, engine::general_purpose::STANDARD};
use tower_authn::{
    Credential, Rejection,
    verifier::{FixedTokens, FixedUsers},
    verify_fn,
};

use super::admitted_by;
use crate::support::TOKEN;

#[tokio::test]
async fn a06_an_empty_secret_cannot_be_configured() {
    for empty in ["", " ", "\t", "                        "] {
        let tokens = || FixedTokens::builder().insecure_short();
        assert!(FixedTokens::new([(empty, ())]).is_err(), "{empty:?}");
        assert!(tokens().token(empty, ()).build().is_err(), "{empty:?}");
        let users = || FixedUsers::builder().insecure_short();
        assert!(FixedUsers::new([("u", empty, ())]).is_err(), "{empty:?}");
        assert!(users().user("u", empty, ()).build().is_err(), "{empty:?}");
    }
    let good = FixedTokens::builder().insecure_short().token("a", ());
    assert_eq!(admitted_by(good.build().unwrap(), "Bearer a").await, 200);

    // An empty secret that slips into a closure matches nothing either.
    let empty = |c: &Credential<'_>| match c.matches("") {
        true => Ok(()),
        false => Err(Rejection::invalid()),
    };
    assert_eq!(admitted_by(verify_fn(empty), "Bearer =").await, 401);
    assert_eq!(admitted_by(verify_fn(empty), "Bearer a").await, 401);
}

#[tokio::test]
async fn a07_an_empty_list_is_built_only_on_request_and_refuses_every_caller() {
    assert!(FixedTokens::<()>::new::<&str>([]).is_err());
    assert!(FixedUsers::<()>::new::<&str, &str>([]).is_err());
    assert!(FixedTokens::parse("# none yet\n\n").is_err());
    let login = format!("Basic {}", STANDARD.encode("u:p"));
    let token = format!("Bearer {TOKEN}");
    for value in [token.as_str(), &login, "Bearer a", "Basic Og=="] {
        let tokens = FixedTokens::<()>::builder().allow_empty().build().unwrap();
        assert_eq!(admitted_by(tokens, value).await, 401, "{value}");
        let users = FixedUsers::<()>::builder().allow_empty().build().unwrap();
        assert_eq!(admitted_by(users, value).await, 401, "{value}");
    }
    let one = FixedTokens::new([(TOKEN, ())]).unwrap();
    assert_eq!(admitted_by(one, &token).await, 200);
}

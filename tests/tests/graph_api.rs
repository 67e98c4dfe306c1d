//! The stand-in for Meta is as strict as Meta's documentation.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers may panic as the test may"
)]

use std::time::Duration;

use destination::http::{Http, Method};
use serde_json::{Value, json};
use tests::graph_api::{GraphApi, Settings};

const HASH: &str = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79";

async fn call(graph_api: &GraphApi, method: Method, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let http = Http::new(Duration::from_secs(5)).unwrap();
    let url = format!("{}/{path}", graph_api.base_url()).parse().unwrap();
    let reply = http.send("test", http.request(method, url).bearer_auth(token).json(body)).await.unwrap();
    (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap())
}

async fn post(graph_api: &GraphApi, path: &str, body: &Value) -> (u16, Value) {
    call(graph_api, Method::POST, path, "stand-in-token", body).await
}

/// A stand-in with an audience, and the path to its users.
async fn with_audience() -> (GraphApi, String) {
    let graph_api = GraphApi::start(Settings::default()).unwrap();
    let body = json!({"name": "a", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"});
    let (status, created) = post(&graph_api, "v25.0/act_1234567890/customaudiences", &body).await;
    assert_eq!(status, 200);
    let users = format!("v25.0/{}/users", created["id"].as_str().unwrap());
    (graph_api, users)
}

fn users(session: i64, rows: &Value) -> Value {
    json!({
        "payload": {"schema": ["EMAIL", "MADID"], "data": rows},
        "session": {"session_id": session, "batch_seq": 1, "last_batch_flag": true, "estimated_num_total": 1},
    })
}

#[tokio::test]
async fn what_meta_does_not_document_is_refused() {
    let (graph_api, path) = with_audience().await;
    let good = users(1, &json!([[HASH, ""]]));
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let too_many: Vec<_> = (0..=10_000).map(|_| [HASH, ""]).collect();
    let bad = [
        with("/payload/schema", json!(["EMAIL", "SHOE_SIZE"])),
        with("/payload/schema", json!(["EMAIL", "EMAIL"])),
        with("/payload/data", json!([[HASH]])),
        with("/payload/data", json!([[HASH, null]])),
        with("/payload/data", json!([])),
        with("/payload/data", json!(too_many)),
        with("/session", json!({})),
        with("/session/session_id", json!(0)),
        with("/session/session_id", json!("1")),
        with("/session/last_batch_flag", json!("true")),
        json!({"payload": good["payload"]}),
        json!({"payload": good["payload"], "session": good["session"], "more": 1}),
    ];
    for body in bad {
        let (status, answer) = post(&graph_api, &path, &body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(100)), "{answer}");
    }
    assert_eq!(post(&graph_api, &path, &good).await.0, 200);
    let (_, again) = post(&graph_api, &path, &good).await;
    assert_eq!(again["error"]["error_subcode"], 1_870_159, "a session is finished once");
}

#[tokio::test]
async fn rows_that_are_not_hashed_are_invalid_entries() {
    let (graph_api, path) = with_audience().await;
    let rows = json!([
        [HASH, ""],
        [HASH.to_uppercase(), ""],
        ["mary@example.com", ""],
        ["", "38400000-8CF0-11BD-B23E-10B96E40000D"],
        ["", "38400000-8cf0-11bd-b23e-10b96e40000d"],
        ["", ""],
    ]);
    let (status, answer) = post(&graph_api, &path, &users(1, &rows)).await;
    assert_eq!(
        (status, &answer["num_received"], &answer["num_invalid_entries"]),
        (200, &json!(6), &json!(4))
    );
    assert_eq!(answer["invalid_entry_samples"][r#"["mary@example.com",""]"#], "incorrect hashing");
    let audience = &graph_api.audiences()[0];
    assert_eq!(audience.members.len(), 2);
}

#[tokio::test]
async fn callers_paths_and_methods_are_checked() {
    let (graph_api, path) = with_audience().await;
    let body = users(1, &json!([[HASH, ""]]));
    let code = |answer: (u16, Value)| (answer.0, answer.1["error"]["code"].as_u64().unwrap_or_default());
    assert_eq!(code(call(&graph_api, Method::POST, &path, "stolen", &body).await), (401, 190));
    assert_eq!(code(post(&graph_api, &path.replace("v25.0", "v9.0"), &body).await), (400, 2635));
    assert_eq!(code(post(&graph_api, "v25.0/999/users", &body).await), (400, 100));
    assert_eq!(code(post(&graph_api, "v25.0/act_1/customaudiences", &body).await), (400, 100));
    assert_eq!(code(call(&graph_api, Method::PUT, &path, "stand-in-token", &body).await), (400, 2500));

    assert_eq!(code(post(&graph_api, &path, &body).await), (200, 0));
    let removal = users(2, &json!([[HASH, ""]]));
    assert_eq!(code(post(&graph_api, &format!("{path}?method=DELETE"), &removal).await), (200, 0));
    assert!(graph_api.audiences()[0].members.is_empty());
}

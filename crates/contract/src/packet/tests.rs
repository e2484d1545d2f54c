use super::*;
use proptest::prelude::*;
use serde_json::json;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just(MAIN.to_owned()), "/[a-z]{1,8}(/[a-z]{1,4})?"]
}

fn packet() -> impl Strategy<Value = Packet> {
    let args = || prop::collection::vec(value(), 0..4);
    let name = "[a-zA-Z:_-]{0,12}".prop_filter("a name of the libraries", |name| {
        !RESERVED.contains(&name.as_str())
    });
    prop_oneof![
        (
            namespace(),
            prop::collection::btree_map(".{0,6}", value(), 0..3)
        )
            .prop_map(|(namespace, auth)| Packet::Connect {
                namespace,
                auth: auth.into_iter().collect(),
            }),
        namespace().prop_map(|namespace| Packet::Disconnect { namespace }),
        (namespace(), any::<Option<u64>>(), name, args()).prop_map(
            |(namespace, ack, name, args)| Packet::Event {
                namespace,
                ack,
                name,
                args,
            }
        ),
        (namespace(), any::<u64>(), args()).prop_map(|(namespace, ack, args)| Packet::Ack {
            namespace,
            ack,
            args,
        }),
        (
            namespace(),
            prop::collection::btree_map(".{0,6}", value(), 0..3)
        )
            .prop_map(|(namespace, error)| Packet::ConnectError {
                namespace,
                error: error.into_iter().collect(),
            }),
        (namespace(), any::<Option<u64>>())
            .prop_map(|(namespace, ack)| Packet::Binary { namespace, ack }),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        prop::collection::btree_map("[a-z]{0,6}", value(), 0..3)
            .prop_map(|map| Frame::Open(map.into_iter().collect())),
        Just(Frame::Close),
        "[a-z]{0,8}".prop_map(Frame::Ping),
        "[a-z]{0,8}".prop_map(Frame::Pong),
        packet().prop_map(Frame::Message),
        Just(Frame::Upgrade),
        Just(Frame::Noop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_frame_comes_back_as_it_was(frame in frame()) {
        prop_assert_eq!(Frame::parse(&frame.text()), Some(frame));
    }

    #[test]
    fn an_event_put_together_from_text_is_an_event(
        name in "[a-z:]{1,12}", payload in value(), position in "[a-z0-9.-]{0,20}",
    ) {
        prop_assume!(!RESERVED.contains(&name.as_str()));
        let body = format!("{},{payload}", Value::from(name.as_str()));
        let args = vec![payload, Value::from(position.as_str())];
        let wanted = Frame::Message(Packet::Event { namespace: MAIN.into(), ack: None, name, args });
        prop_assert_eq!(Frame::parse(&event_frame(&body, Some(&position))), Some(wanted));
    }
}

/// A step of splitmix64: what the frames below are made of.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap()
}

/// No frame makes the parser panic, and what it reads it can write and read again.
/// Frames are put together from pieces that mean something, so that they get far.
#[test]
fn a_million_random_frames_do_no_harm() {
    const PIECES: [&str; 32] = [
        "0",
        "1",
        "2",
        "3",
        "4",
        "40",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "51-",
        "/",
        "/a,",
        "?x=1",
        ",",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\"a\"",
        ":",
        "-",
        "99999999999999999999",
        "7",
        "null",
        "é",
        "\u{0}",
        "\\u0000",
        "[\"a\",{\"b\":[1,2]}]",
    ];
    let mut state = 20_261_120;
    let (mut read, mut unread) = (0_u32, 0_u32);
    for _ in 0..1_000_000 {
        let mut text = String::new();
        for _ in 0..=next(&mut state) % 7 {
            text.push_str(PIECES[next(&mut state) % PIECES.len()]);
        }
        match Frame::parse(&text) {
            Some(frame) => {
                read += 1;
                let again = Frame::parse(&frame.text());
                assert!(again.is_some(), "{text:?}");
                // Of numbers that are too long for one, digits are lost on the way.
                assert!(text.contains("999") || again == Some(frame), "{text:?}");
            }
            None => unread += 1,
        }
    }
    assert!(
        read > 50_000 && unread > 50_000,
        "{read} read, {unread} not"
    );
}

#[test]
fn frames_as_the_official_client_sends_them() {
    let packet = |text| match Frame::parse(text) {
        Some(Frame::Message(packet)) => Some(packet),
        _ => None,
    };
    let main = || MAIN.to_owned();
    let auth = |value: Value| value.as_object().cloned().unwrap_or_default();
    assert_eq!(
        packet(r#"40{"token":"t","pid":"p"}"#),
        Some(Packet::Connect {
            namespace: main(),
            auth: auth(json!({ "token": "t", "pid": "p" })),
        })
    );
    assert_eq!(
        packet("40/admin,"),
        Some(Packet::Connect {
            namespace: "/admin".into(),
            auth: Map::new(),
        })
    );
    assert_eq!(
        packet(r#"420["join-room","order:1"]"#),
        Some(Packet::Event {
            namespace: main(),
            ack: Some(0),
            name: "join-room".into(),
            args: vec![json!("order:1")],
        })
    );
    assert_eq!(Frame::parse("2probe"), Some(Frame::Ping("probe".into())));
    for odd in [
        "",
        "7",
        "4",
        "49",
        "42",
        "42[]",
        "42[1]",
        "42{}",
        "42[\"connect\"]",
        "42[\"a\"",
        "43[]",
        "40[]",
        "44",
        "41x",
        "45[\"a\"]",
        "4299999999999999999999999[\"a\"]",
    ] {
        assert_eq!(Frame::parse(odd), None, "{odd}");
    }
}

#[test]
fn a_flood_of_brackets_is_only_a_bad_frame() {
    let deep = format!("42[\"a\",{}", "[".repeat(100_000));
    assert_eq!(Frame::parse(&deep), None);
}

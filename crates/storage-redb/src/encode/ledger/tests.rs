//! Bodies of operations there and back, and under every cut.

use steadfast_core::Rng;
use steadfast_core::operation::Tier;
use steadfast_core::row::Birth;

use super::*;

const STAMP: Timestamp = Timestamp::from_ticks(50);
const EARLIER: Birth = Birth::At(Timestamp::from_ticks(-7));

fn id() -> OperationId {
    OperationId::trusted("gift-\0\u{10ffff}")
}

fn json(text: &str) -> JsonText {
    JsonText::trusted(text)
}

/// A text of that many bytes, of which nothing can be compressed away.
fn hard(size: usize) -> String {
    let mut rng = Rng::seeded(5);
    let mut text = String::from("\"");
    while text.len() < size - 1 {
        text.push(char::from(u8::try_from(rng.in_range(35..91)).unwrap()));
    }
    text.push('"');
    text
}

fn pending(payload: &str) -> PendingBody {
    PendingBody {
        id: id(),
        kind: OperationKind::trusted("give"),
        payload: json(payload),
        issued_at: Timestamp::from_ticks(i64::MIN),
        queued: EARLIER,
        schema: u32::MAX,
        is_permanent: false,
        replaces: None,
        verdict: None,
    }
}

fn receipt(state: ReceiptState) -> LedgerBody {
    LedgerBody::Receipt(Box::new(ReceiptBody {
        hash: PayloadHash(u128::MAX - 3),
        issued_at: Timestamp::from_ticks(i64::MAX),
        is_permanent: true,
        state,
    }))
}

fn full(status: OperationStatus) -> Receipted {
    Receipted {
        kind: OperationKind::trusted("give"),
        status,
        settled: EARLIER,
        entry_counter: u64::MAX,
        result: None,
        error: None,
        tries: 3,
        death: None,
    }
}

fn dead(death: Death) -> DeadLetterBody {
    DeadLetterBody {
        kind: OperationKind::trusted(""),
        payload: None,
        payload_size: 70_000,
        schema: 4,
        is_permanent: true,
        issued_at: STAMP,
        died: EARLIER,
        death,
        error: "why \0".into(),
        tries: u32::MAX,
        requeued_as: None,
    }
}

/// Bodies with each of their parts there and not.
fn bodies() -> Vec<(LedgerKey, LedgerBody)> {
    let mut bodies = vec![
        (LedgerKey::Queue, LedgerBody::Queue(QueueBody { count: u64::MAX, size: 7 })),
        (LedgerKey::Head, LedgerBody::Head(HeadBody::default())),
        (
            LedgerKey::Head,
            LedgerBody::Head(HeadBody {
                horizon: Some(Timestamp::from_ticks(i64::MIN)),
                settled_count: 1,
                settled_size: 2,
                full_count: 3,
                kept_count: 4,
                permanent_count: 5,
                dead_count: u32::MAX,
                size: u64::MAX,
                least_size: u64::MAX - 1,
            }),
        ),
        (LedgerKey::Order(Tier::Kept, STAMP, id()), LedgerBody::Order),
    ];
    let verdicts = [None, Some(Verdict::Cancel("\0".into())), Some(Verdict::Fail(Arc::default()))];
    for (verdict, payload) in verdicts.into_iter().zip(["null", "[]", "{\"coins\":5}"]) {
        let is_permanent = verdict.is_some();
        let replaces = verdict.as_ref().map(|_| id());
        let body = PendingBody { replaces, is_permanent, verdict, ..pending(payload) };
        bodies.push((LedgerKey::Pending(7), LedgerBody::Pending(Arc::new(body))));
    }
    let later = Tries { count: 9, last_error: Some("no".into()), last_at: Some(STAMP) };
    let mut states = vec![
        ReceiptState::Pending { seq: 0, tries: Tries::default() },
        ReceiptState::Pending { seq: u64::MAX, tries: later },
    ];
    for status in OperationStatus::ALL {
        let (result, error) = (Some(json(&"[1,2,3],".repeat(99))), Some("full".into()));
        states.push(ReceiptState::Full(full(status)));
        states.push(ReceiptState::Full(Receipted { result, error, ..full(status) }));
        states.push(ReceiptState::Kept { status, settled: EARLIER, entry_counter: 1 });
    }
    for death in Death::ALL {
        let death = Some(death);
        states.push(ReceiptState::Full(Receipted { death, ..full(OperationStatus::Failed) }));
    }
    bodies.extend(states.into_iter().map(|state| (LedgerKey::Receipt(id()), receipt(state))));
    for death in Death::ALL {
        let (payload, requeued_as) = (Some(json("true")), Some(id()));
        for body in [dead(death), DeadLetterBody { payload, requeued_as, ..dead(death) }] {
            bodies.push((LedgerKey::DeadLetter(id()), LedgerBody::DeadLetter(Arc::new(body))));
        }
    }
    bodies
}

#[test]
fn bodies_are_read_back_and_every_cut_or_longer_one_is_damage() {
    for (key, body) in bodies() {
        let mut bytes = encode(&body);
        assert_eq!(decode(&key, &bytes, STAMP), Ok(body));
        for size in 0..bytes.len() {
            assert!(decode(&key, &bytes[..size], STAMP).is_err(), "{key}, {size} bytes");
        }
        bytes.push(0);
        assert_eq!(decode(&key, &bytes, STAMP), Err(Damage::Malformed("end")), "{key}");
    }
}

#[test]
fn what_came_into_being_with_this_write_did_so_at_its_stamp() {
    let at_stamp = Birth::At(STAMP);
    let of = |queued| LedgerBody::Pending(Arc::new(PendingBody { queued, ..pending("1") }));
    let read = decode(&LedgerKey::Pending(1), &encode(&of(Birth::ThisWrite)), STAMP);
    assert_eq!(read, Ok(of(at_stamp)));

    let kept = |settled| {
        let status = OperationStatus::Applied;
        receipt(ReceiptState::Kept { status, settled, entry_counter: 1 })
    };
    let full = |settled| {
        receipt(ReceiptState::Full(Receipted { settled, ..full(OperationStatus::Applied) }))
    };
    let died =
        |died| LedgerBody::DeadLetter(Arc::new(DeadLetterBody { died, ..dead(Death::Operator) }));
    for (key, new, stamped) in [
        (LedgerKey::Receipt(id()), kept(Birth::ThisWrite), kept(at_stamp)),
        (LedgerKey::Receipt(id()), full(Birth::ThisWrite), full(at_stamp)),
        (LedgerKey::DeadLetter(id()), died(Birth::ThisWrite), died(at_stamp)),
    ] {
        assert_eq!(decode(&key, &encode(&new), STAMP), Ok(stamped));
    }
}

#[test]
fn payloads_of_any_size_are_kept_and_get_smaller_where_they_can() {
    for size in [2, 63, 64, 4_096, 65_536, 300_000] {
        let body = |text: &str| LedgerBody::Pending(Arc::new(pending(text)));
        let (easy, hard) = (body(&format!("\"{}\"", "x".repeat(size - 2))), body(&hard(size)));
        let (short, long) = (encode(&easy), encode(&hard));
        assert_eq!(decode(&LedgerKey::Pending(0), &short, STAMP), Ok(easy));
        assert_eq!(decode(&LedgerKey::Pending(0), &long, STAMP), Ok(hard));
        assert!(long.len() < size + 100, "{size}");
        assert!(short.len() < 200, "{size}: {}", short.len());
    }
}

#[test]
fn bytes_that_no_writer_writes_are_damage() {
    let spoiled = |body: &LedgerBody, at: usize| {
        let mut bytes = encode(body);
        bytes[at] = 9;
        bytes
    };
    let key = LedgerKey::Receipt(id());
    let settled = OperationStatus::Failed;
    let kept = receipt(ReceiptState::Kept { status: settled, settled: EARLIER, entry_counter: 1 });
    // Behind the hash and the issue time.
    let malformed = |what| Err(Damage::Malformed(what));
    assert_eq!(decode(&key, &spoiled(&kept, 24), STAMP), malformed("is permanent"));
    assert_eq!(decode(&key, &spoiled(&kept, 25), STAMP), malformed("state"));
    assert_eq!(decode(&key, &spoiled(&kept, 26), STAMP), malformed("status"));
    assert_eq!(decode(&key, &spoiled(&kept, 27), STAMP), malformed("birth"));

    let waiting = LedgerBody::Pending(Arc::new(pending("1")));
    let last = encode(&waiting).len() - 1;
    assert_eq!(
        decode(&LedgerKey::Pending(0), &spoiled(&waiting, last), STAMP),
        malformed("verdict")
    );
    let head = LedgerBody::Head(HeadBody::default());
    assert_eq!(decode(&LedgerKey::Head, &spoiled(&head, 0), STAMP), malformed("time"));
    let letter = LedgerBody::DeadLetter(Arc::new(dead(Death::Handler)));
    // An empty kind, no payload, its size, the schema, a flag, and two times.
    let death = 4 + 1 + 8 + 4 + 1 + 8 + 9;
    let key = LedgerKey::DeadLetter(id());
    assert_eq!(decode(&key, &spoiled(&letter, death), STAMP), malformed("death"));
}

#[test]
fn any_body_is_a_row_or_damage() {
    let mut rng = Rng::seeded(9);
    let keys: Vec<LedgerKey> = bodies().into_iter().map(|(key, _)| key).collect();
    for _ in 0..2_000 {
        let size = usize::try_from(rng.below(120)).unwrap();
        let body: Vec<u8> = (0..size).map(|_| u8::try_from(rng.below(4)).unwrap()).collect();
        for key in &keys {
            let _row = decode(key, &body, STAMP);
        }
    }
}

//! Facts about queueing, and about reading what waits.

use std::time::Duration;

use steadfast_core::operation::{QueueRefusal, ReceiptBody, ReceiptState, Tries};
use steadfast_core::record::{MailKind, RecordCommand, RecordReply};
use steadfast_core::{OperationKind, Timestamp};

use super::super::calls::{Scene, delete_mail, read_mail, server, submit};
use super::support::{hash_of, id, names, payload, queued, refused, settings};
use crate::conformance::RecordsHarness;

/// A record that was never held takes them too; they are read from its start, or from behind any
/// place.
pub fn operations_wait_in_the_order_of_their_queueing<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let before = scene.now();
    let request = scene.request("b", 1);
    let first = queued(scene.queue(request.clone()));
    assert!(first.is_new && first.holder.is_none(), "{first:?}");
    let state = ReceiptState::Pending { seq: 0, tries: Tries::default() };
    assert_eq!((first.receipt.hash, &first.receipt.state), (hash_of(&request), &state));
    assert!(first.receipt.issued_at >= before, "issued when it was queued");
    scene.must_queue(&["a", "c"], 2);

    let waiting = scene.inbox();
    assert_eq!(names(&waiting), ["b", "a", "c"]);
    assert_eq!(waiting.iter().map(|it| it.seq).collect::<Vec<_>>(), [0, 1, 2]);
    let operation = waiting.first().expect("three of them wait");
    assert_eq!(Some(&operation.body.payload), request.payload.as_ref());
    assert_eq!((&operation.body.kind, operation.body.schema), (&request.kind, request.schema));
    assert_eq!(operation.body.issued_at, first.receipt.issued_at);
    assert!(operation.queued_at >= before, "{operation:?}");
    assert_eq!((&operation.tries, &operation.body.verdict), (&Tries::default(), &None));

    for (after, limit, wanted, more) in [
        (None, 1, &["b"][..], true),
        (None, 2, &["b", "a"], true),
        (None, 3, &["b", "a", "c"], false),
        (Some(0), 1, &["a"], true),
        (Some(1), 9, &["c"], false),
        (Some(2), 9, &[], false),
        (Some(u64::MAX), 9, &[], false),
    ] {
        let page = scene.inbox_behind(after, limit);
        assert_eq!((&names(&page.operations)[..], page.has_more), (&wanted.map_to()[..], more));
    }
    let receipts = scene.receipts();
    let ids: Vec<&str> = receipts.iter().map(|(id, _)| &id[..]).collect();
    assert_eq!(ids, ["a", "b", "c"], "receipts are read by id");
    assert!(scene.read().record.is_none(), "nobody holds it, nobody ever did");
}

trait MapTo {
    fn map_to(&self) -> Vec<String>;
}

impl MapTo for &[&str] {
    fn map_to(&self) -> Vec<String> {
        self.iter().map(|name| (*name).to_owned()).collect()
    }
}

/// DO1: the same request again is told what became of it, another one under its id is refused.
pub fn do1_an_id_is_queued_once<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let request = scene.request("gift", 1);
    let first = queued(scene.queue(request.clone()));
    let again = queued(scene.queue(scene.request("gift", 2)));
    assert!(!again.is_new, "another request queued it");
    assert_eq!(again.receipt, first.receipt);
    let mut dearer = scene.request("gift", 3);
    dearer.payload = Some(payload("{\"item\":\"crown\"}"));
    assert_eq!(refused(scene.queue(dearer)), QueueRefusal::PayloadMismatch);
    let mut other = scene.request("gift", 4);
    other.kind = OperationKind::trusted("take");
    assert_eq!(refused(scene.queue(other)), QueueRefusal::PayloadMismatch);
    assert_eq!(scene.waiting(), ["gift"]);
    // Ids are those of one record.
    let mut elsewhere = scene.request("gift", 5);
    elsewhere.entry = crate::conformance::samples::entry("l");
    assert!(queued(scene.queue(elsewhere)).is_new);
    assert_eq!(scene.waiting(), ["gift"]);
}

/// Each limit lets pass what is exactly at it, and nothing beyond.
pub fn the_limits_of_a_ledger_are_those_of_the_request<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut large = scene.request("a", 1);
    let actual = large.payload.as_ref().map_or(0, steadfast_core::JsonText::size);
    large.settings = settings(|it| it.payload_size_max = actual - 1);
    let limit = actual - 1;
    assert_eq!(
        refused(scene.queue(large.clone())),
        QueueRefusal::PayloadTooLarge { actual, limit }
    );
    large.settings = settings(|it| it.payload_size_max = actual);
    assert!(queued(scene.queue(large)).is_new);

    let mut second = scene.request("b", 2);
    second.settings = settings(|it| it.pending_max = 1);
    assert_eq!(refused(scene.queue(second.clone())), QueueRefusal::InboxFull { limit: 1 });
    second.settings = settings(|it| it.pending_max = 2);
    assert!(queued(scene.queue(second)).is_new);

    let needed = ["a", "b", "c"].iter().map(|name| ReceiptBody::kept_size(&id(name))).sum::<u64>();
    let mut third = scene.request("c", 3);
    third.settings = settings(|it| it.ledger_size_max = needed - 1);
    let full = QueueRefusal::LedgerFull { limit: needed - 1 };
    assert_eq!(refused(scene.queue(third.clone())), full);
    third.settings = settings(|it| it.ledger_size_max = needed);
    assert!(queued(scene.queue(third)).is_new);
    // What is known is told however full it is.
    let mut known = scene.request("a", 4);
    known.settings = settings(|it| {
        it.pending_max = 0;
        it.ledger_size_max = 0;
    });
    assert!(!queued(scene.queue(known)).is_new);
    assert_eq!(scene.waiting(), ["a", "b", "c"]);
}

/// An operation may be issued a little ahead of the store's time, no more, and any time before it.
pub fn ids_from_the_future_are_refused<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let (now, margin) = (scene.now(), Duration::from_mins(5));
    let settings = settings(|it| it.issued_ahead_max = Duration::from_hours(1));
    let issued = |name, number, issued_at| {
        let mut request = scene.request(name, number);
        (request.issued_at, request.settings) = (issued_at, settings.clone());
        request
    };
    let late = now.saturating_add(settings.issued_ahead_max + margin);
    let refusal = refused(scene.queue(issued("late", 1, late)));
    let QueueRefusal::IssuedAhead { issued_at, now: told } = refusal else {
        panic!("refused otherwise: {refusal:?}")
    };
    assert!(issued_at == late && told >= now, "{issued_at:?}, {told:?}");
    let early = now.saturating_add(settings.issued_ahead_max.saturating_sub(margin));
    assert_eq!(queued(scene.queue(issued("early", 2, early))).receipt.issued_at, early);
    let old = Timestamp::from_ticks(7);
    assert_eq!(queued(scene.queue(issued("old", 3, old))).receipt.issued_at, old);
    assert_eq!(scene.waiting(), ["early", "old"]);
}

/// One letter is enough until the holder took it; then there is another one.
pub fn a_queueing_tells_the_holder_and_needs_no_second_letter<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let held = scene.grant(1);
    let told = queued(scene.queue(scene.request("a", 2)));
    assert_eq!(told.holder, Some((server(1), held.body.fence)));
    let mail = read_mail(&*scene.records, server(1));
    let [letter] = &mail[..] else { panic!("one letter about one record: {mail:?}") };
    let body = (letter.body.kind, letter.body.fence, &letter.entry);
    assert_eq!(body, (MailKind::Operation, held.body.fence, &scene.entry));
    scene.must_queue(&["b"], 3);
    assert_eq!(read_mail(&*scene.records, server(1)), mail, "it stands there already");
    delete_mail(&*scene.records, server(1), letter);
    scene.must_queue(&["c"], 4);
    assert_eq!(read_mail(&*scene.records, server(1)).len(), 1);
    assert_eq!(scene.body(), held.body, "the record is as it was");
    assert_eq!(scene.waiting(), ["a", "b", "c"]);
}

/// Its own server learns from the answer; a server that holds nothing of it tells the one that does.
pub fn whoever_holds_a_record_needs_no_mail_of_its_own<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let held = scene.grant(1);
    let from = |name, number, from| {
        let mut request = scene.request(name, number);
        request.from = Some(server(from));
        queued(scene.queue(request))
    };
    assert_eq!(from("own", 2, 1).holder, Some((server(1), held.body.fence)));
    assert!(read_mail(&*scene.records, server(1)).is_empty());
    from("other", 3, 9);
    assert_eq!(read_mail(&*scene.records, server(1)).len(), 1);
    assert!(read_mail(&*scene.records, server(9)).is_empty());
    let command = RecordCommand::ReadMail { server: server(1) };
    let Ok(RecordReply::Mail(mail)) = submit(&*scene.records, command) else { panic!("no mail") };
    assert_eq!(mail.first().map(|mail| mail.body.kind), Some(MailKind::Operation));
}

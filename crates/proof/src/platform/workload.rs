//! What clients ask for: mostly writes, on few keys, under every condition there is.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::platform::{
    EntryState, Get, Increment, Permit, Remove, Request, RevisionId, Set, When, Which,
};
use steadfast_core::{Content, EntryId, JsonText, Metadata, Revision, Rng, Timestamp, WriteId};

use crate::history::{Action, Before, Id, Seen};

/// What a client has seen of an entry: the newest revision, and one before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    newest: Option<Id>,
    older: Option<Id>,
}

impl Known {
    /// Remembers a state.
    pub(super) fn learn(&mut self, seen: &Seen) {
        let id = seen.id();
        if self.newest != Some(id) {
            self.older = self.newest;
            self.newest = Some(id);
        }
    }
}

/// A callback that changes an entry.
pub(super) type Change = Box<dyn FnMut(Option<&EntryState>) -> Option<Arc<Content>>>;

/// A call to make.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) key: usize,
    pub(super) request: Request,
    /// It is a change: read, compute, write unless somebody came in between.
    pub(super) is_change: bool,
}

impl Job {
    fn of(key: usize, request: Request) -> Self {
        Self { key, request, is_change: false }
    }
}

/// Makes values: short, each of them once.
#[derive(Debug)]
pub(super) struct Values {
    metadata: Metadata,
    count: u64,
    text: String,
    /// One of so many keys holds a number; 0: none.
    counter_every: usize,
}

impl Values {
    pub(super) fn new(counter_every: u64) -> Self {
        let counter_every = usize::try_from(counter_every).unwrap_or(0);
        Self { metadata: Metadata::empty(), count: 0, text: String::new(), counter_every }
    }

    /// Whether clients add to what this key holds.
    fn is_counter(&self, key: usize) -> bool {
        (key + 1).checked_rem(self.counter_every) == Some(0)
    }

    /// A number, and once in a while something that is none.
    fn number(&mut self, rng: &mut Rng) -> Arc<Content> {
        if rng.percent(5) {
            return self.content(rng.below(1_000));
        }
        self.count += 1;
        let value = JsonText::trusted(self.count.to_string());
        Arc::new(Content { value, user_ids: Vec::new(), metadata: self.metadata.clone() })
    }

    fn content(&mut self, number: u64) -> Arc<Content> {
        self.count += 1;
        self.text.clear();
        write!(self.text, r#"{{"n":{number},"w":{}}}"#, self.count)
            .expect("writing to a string succeeds");
        let value = JsonText::trusted(self.text.as_str());
        Arc::new(Content { value, user_ids: Vec::new(), metadata: self.metadata.clone() })
    }

    /// A callback that adds one to the number of an entry, and leaves some numbers alone.
    pub(super) fn change(&self, change: u64) -> Change {
        let metadata = self.metadata.clone();
        Box::new(move |state| {
            let content = state.and_then(|state| state.content.as_ref());
            let text = content.map_or("", |content| content.value.as_str());
            let number = crate::history::count_in(text);
            if number % 50 == 49 {
                return None;
            }
            let value = JsonText::trusted(format!(r#"{{"n":{},"c":{change}}}"#, number + 1));
            let metadata = metadata.clone();
            Some(Arc::new(Content { value, user_ids: Vec::new(), metadata }))
        })
    }
}

/// Draws a call.
pub(super) fn choose(
    rng: &mut Rng,
    known: &[Known],
    ids: &[EntryId],
    values: &mut Values,
    write_id: WriteId,
    wall: Timestamp,
) -> Job {
    let key = draw_key(rng, ids.len());
    let entry = ids.get(key).cloned().expect("drawn among the entries");
    let Known { newest, older } = known.get(key).copied().unwrap_or_default();
    let get = |which| Job::of(key, Request::Get(Get { entry: entry.clone(), which }));
    let dice = rng.below(100);
    let when = match dice {
        0..6 => return get(Which::Current),
        6..11 => {
            let some = if rng.percent(50) { newest } else { older };
            return get(some.map_or(Which::Current, |id| Which::Revision(revision_id(id))));
        }
        11..16 => return get(Which::At(draw_time(rng, newest.or(older), wall))),
        16..23 => {
            let some = newest.filter(|_| rng.percent(50));
            let matches = some.map(revision_id);
            let entry = entry.clone();
            return Job::of(
                key,
                Request::Remove(Remove { entry, matches, force: false, write_id }),
            );
        }
        23..70 if values.is_counter(key) => {
            let by = draw_amount(rng);
            return Job::of(key, add(entry, by, values, write_id));
        }
        23..45 => {
            let request = Request::Get(Get { entry, which: Which::Current });
            return Job { key, request, is_change: true };
        }
        45..74 => When::Always,
        74..81 => When::Missing,
        81..87 => When::Exists,
        _ => newest.map_or(When::Missing, |id| When::Matches(revision_id(id))),
    };
    let content =
        if values.is_counter(key) { values.number(rng) } else { values.content(rng.below(1_000)) };
    let set = Set { entry, content, when, permit: Permit::ALL, write_id };
    Job::of(key, Request::Set(set))
}

fn add(entry: EntryId, by: i64, values: &Values, write_id: WriteId) -> Request {
    let (user_ids, metadata) = (Vec::new(), values.metadata.clone());
    Request::Increment(Increment { entry, by, user_ids, metadata, permit: Permit::ALL, write_id })
}

/// Mostly little, at times nothing, less than nothing or too much.
fn draw_amount(rng: &mut Rng) -> i64 {
    match rng.below(40) {
        0 => i64::MAX,
        1 => i64::MIN,
        2..8 => -i64::try_from(rng.below(50)).unwrap_or(0),
        _ => i64::try_from(rng.below(100)).unwrap_or(0),
    }
}

/// Two of the keys are hot.
fn draw_key(rng: &mut Rng, count: usize) -> usize {
    let count = u64::try_from(count).unwrap_or(1);
    let count = if rng.percent(40) { count.min(2) } else { count };
    usize::try_from(rng.below(count)).unwrap_or(0)
}

/// Around a revision that was seen, or some minutes ago.
fn draw_time(rng: &mut Rng, known: Option<Id>, wall: Timestamp) -> Timestamp {
    let back =
        |time: Timestamp, by: u64| Timestamp::from_ticks(time.ticks().saturating_sub_unsigned(by));
    match known {
        Some(id) if rng.percent(70) => {
            let reach = if rng.percent(50) { 4 } else { 200_000 };
            let ahead = Duration::from_nanos(100 * rng.below(reach));
            back(id.updated_at.saturating_add(ahead), rng.below(reach))
        }
        _ => back(wall, rng.below(6_000_000_000)),
    }
}

fn revision_id(id: Id) -> RevisionId {
    // The tag is no part of a revision's public name.
    RevisionId::of(id.created_at, Revision { counter: id.counter, tag: 0 }, id.updated_at)
}

/// The parts of a revision's public name.
fn parts(id: &RevisionId) -> Id {
    let mut parts = id.as_str().split('.').map(|part| u64::from_str_radix(part, 16).unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (created, counter, updated) = (next(), next(), next());
    let time = |ticks| Timestamp::from_dotnet_ticks(ticks).unwrap_or(Timestamp::EPOCH);
    Id { counter, created_at: time(created), updated_at: time(updated) }
}

/// A request as the history knows it.
pub(super) fn action(request: &Request, change: Option<u64>) -> Action {
    match request {
        Request::Get(get) => match &get.which {
            Which::Current => Action::Current,
            Which::Revision(id) => Action::ById(parts(id)),
            Which::At(at) => Action::At(*at),
        },
        Request::Set(set) => {
            let when = match &set.when {
                When::Always => Before::Anything,
                When::Missing => Before::Missing,
                When::Exists => Before::Exists,
                When::Matches(id) => Before::Matches(parts(id)),
            };
            let content = Arc::clone(&set.content);
            Action::Set { when, content, tag: set.write_id.tag(), change }
        }
        Request::Increment(increment) => {
            Action::Add { by: increment.by, tag: increment.write_id.tag() }
        }
        Request::Remove(remove) => {
            let matches = remove.matches.as_ref().map(parts);
            Action::Remove { matches, tag: remove.write_id.tag() }
        }
        Request::Restore(_) => unreachable!("the clients of this scenario restore nothing"),
    }
}

//! Budgets of requests, between the calls of Open Cloud and the store.
//!
//! A write is charged when it is handed to the store, whatever comes of it: its size is known. A read
//! is charged when its answer is ready, because only then its size is; before it, it is checked
//! whether the smallest one would be granted. A list is a read, as large as its body. What is refused
//! as wrong or not allowed costs nothing.
//!
//! ```text
//!   write   charge ─► store ─► answer
//!   read    check ──► store ─► charge ─► answer, or 429 without the value
//! ```
//!
//! Which pools there are and what they hold is decided in `steadfast-core`'s `budget`.

use std::future::Future;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use steadfast::Steadfast;
use steadfast_core::budget::{Budgets, Demand, Denial, Door, Family, Kind, Standing};
use steadfast_core::platform::{EntryState, PlatformError, Request};
use steadfast_core::{ApiKeyId, EntryId, ErrorKind, Limits, Now, UniverseId, WriteId};
use steadfast_open_cloud::mapping;
use tokio::time::Instant;

use crate::config::{BudgetClock, Config};
use crate::data;
use crate::metrics;
use crate::reply::Reply;
use crate::route::Surface;
use crate::service::App;

mod own;

/// The budgets of a server whose limits have rates.
#[derive(Debug)]
pub(crate) struct Throttle {
    budgets: Mutex<Budgets>,
    clock: BudgetClock,
}

impl Throttle {
    /// Nothing where requests are not counted.
    pub(crate) fn new(config: &Config, limits: &Limits) -> Option<Self> {
        let settings = config.budgets.over(limits.rates.as_ref()?);
        let budgets = Mutex::new(Budgets::new(settings));
        Some(Self { budgets, clock: config.budgets.clock.clone() })
    }

    /// Tells a reply of Open Cloud that nothing was charged for where its client stands: at the
    /// start, as nobody knows who it is.
    pub(crate) fn complete(&self, surface: Surface, reply: Reply) -> Reply {
        match surface {
            Surface::V1 => reply.or_standing(|| self.unused(Door::V1)),
            Surface::V2 => reply.or_standing(|| self.unused(Door::V2)),
            Surface::Ordered => reply.or_standing(|| self.lock().unused(Door::V1, Family::Ordered)),
            Surface::Messages | Surface::Own | Surface::Admin | Surface::Public => reply,
        }
    }

    fn unused(&self, door: Door) -> Standing {
        self.lock().unused(door, Family::Standard)
    }

    fn charge(&self, demands: &[Demand]) -> Result<Standing, Denial> {
        let now = self.now();
        self.lock().charge(now, demands).inspect_err(|denial| metrics::throttled(denial.pool))
    }

    fn check(&self, demands: &[Demand]) -> Result<(), Denial> {
        let now = self.now();
        self.lock().check(now, demands).inspect_err(|denial| metrics::throttled(denial.pool))
    }

    /// Only durations count here.
    fn now(&self) -> Now {
        Now { mono: self.clock.read(), ..Now::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Budgets> {
        // Whoever panicked took at most something for a request that was not made.
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server as one request of Open Cloud sees it: what it does is counted.
///
/// It hides [`App::execute`], so that a call cannot go around its budgets by accident.
pub(crate) struct Metered<'a> {
    app: &'a App,
    owner: ApiKeyId,
    door: Door,
    family: Family,
    surface: Surface,
    write_id: Option<WriteId>,
    used: Mutex<Used>,
}

/// What one request used so far.
#[derive(Debug, Default)]
struct Used {
    /// Reads that were made and not charged yet.
    reads: Vec<Demand>,
    /// What the last charge said.
    charged: Option<Result<Standing, Denial>>,
}

impl<'a> Metered<'a> {
    /// A request with this key.
    pub(crate) fn new(app: &'a App, owner: ApiKeyId, door: Door, family: Family) -> Self {
        let (surface, write_id, used) = (Surface::V2, None, Mutex::default());
        Self { app, owner, door, family, surface, write_id, used }
    }

    /// The same, refused in the words of a surface, and with the id of its write if the client
    /// named it.
    pub(crate) fn on(self, surface: Surface, write_id: Option<WriteId>) -> Self {
        Self { surface, write_id, ..self }
    }

    /// The id of the one write that the request makes.
    pub(crate) fn write_id(&self) -> WriteId {
        self.write_id.unwrap_or_else(|| self.steadfast().new_write_id())
    }

    /// Hands a request to the store, within its budgets.
    pub(crate) async fn execute(
        &self,
        request: Request,
        deadline: Instant,
    ) -> Result<EntryState, PlatformError> {
        let Some(throttle) = self.app.throttle() else {
            return self.app.execute(request, deadline).await;
        };
        let entry = request.entry().clone();
        let universe = entry.store.universe;
        let demand = |kind, size| self.demand(kind, universe, Some(entry.clone()), size);
        match &request {
            Request::Set(set) => {
                self.charge(throttle, &[demand(Kind::Write, set.content.value.size())])?;
            }
            // What is written again is known only once it was read, and a sum, which is as long as a
            // number is, once it is written.
            Request::Restore(_) | Request::Increment(_) => {
                self.charge(throttle, &[demand(Kind::Write, 0)])?;
            }
            Request::Remove(_) => self.charge(throttle, &[demand(Kind::Remove, 0)])?,
            Request::Get(_) => {
                self.check(throttle, demand(Kind::Read, 0))?;
                let answer = self.app.execute(request, deadline).await;
                let size = match &answer {
                    Ok(state) => state.content.as_ref().map_or(0, |content| content.value.size()),
                    Err(error) if error.kind() == ErrorKind::NotFound => 0,
                    // Nothing was read.
                    Err(_) => return answer,
                };
                let read = demand(Kind::Read, size);
                self.used().reads.push(read);
                return answer;
            }
        }
        self.app.execute(request, deadline).await
    }

    /// Hands a list to the store, within its budgets; the entry is the one whose revisions it lists.
    pub(crate) async fn list<T, F>(
        &self,
        universe: UniverseId,
        entry: Option<EntryId>,
        list: impl FnOnce(Steadfast) -> F,
    ) -> Result<T, PlatformError>
    where
        F: Future<Output = Result<T, PlatformError>>,
    {
        // Its size is known once its body is written: `settle` says it.
        let demand = self.demand(Kind::List, universe, entry, 0);
        if let Some(throttle) = self.app.throttle() {
            self.check(throttle, demand.clone())?;
        }
        let (list, deadline) = (list(self.app.steadfast().clone()), self.app.deadline());
        let answer = self.app.wait_for(list, None, deadline).await;
        let was_looked_up = match &answer {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if was_looked_up && self.app.throttle().is_some() {
            self.used().reads.push(demand);
        }
        answer
    }

    /// Hands a change of a data store or a universe as a whole to the store, within its budgets.
    pub(crate) async fn change<T, F>(
        &self,
        (kind, universe, write_id): (Kind, UniverseId, WriteId),
        change: impl FnOnce(Steadfast) -> F,
    ) -> Result<T, PlatformError>
    where
        F: Future<Output = Result<T, PlatformError>>,
    {
        if let Some(throttle) = self.app.throttle() {
            self.charge(throttle, &[self.demand(kind, universe, None, 0)])?;
        }
        let (change, deadline) = (change(self.app.steadfast().clone()), self.app.deadline());
        self.app.wait_for(change, Some(write_id), deadline).await
    }

    /// The last step of a request: charges for what it read, and says where its key stands.
    pub(crate) fn settle(&self, reply: Reply) -> Reply {
        let Some(throttle) = self.app.throttle() else { return reply };
        let mut reads = std::mem::take(&mut self.used().reads);
        let size = u64::try_from(reply.body_size()).unwrap_or(u64::MAX);
        reads.iter_mut().filter(|read| read.kind == Kind::List).for_each(|read| read.size = size);
        let settled = if reads.is_empty() { Ok(()) } else { self.charge(throttle, &reads) };
        let reply = settled.map_or_else(|error| self.refusal(&error), |()| reply);
        // A copy, so that the lock is free again.
        let charged = self.used().charged;
        match charged {
            Some(Ok(standing)) => reply.with_standing(standing),
            Some(Err(denial)) => reply.with_denial(&denial),
            None => {
                let now = throttle.now();
                let standing = throttle.lock().standing_of(now, self.owner, self.door, self.family);
                reply.with_standing(standing)
            }
        }
    }

    fn refusal(&self, error: &PlatformError) -> Reply {
        match self.surface {
            Surface::V1 => mapping::v1(error).reply().into(),
            Surface::Own => data::refusal(error),
            Surface::V2
            | Surface::Ordered
            | Surface::Messages
            | Surface::Admin
            | Surface::Public => mapping::v2(error).reply().into(),
        }
    }

    fn charge(&self, throttle: &Throttle, demands: &[Demand]) -> Result<(), PlatformError> {
        let charged = throttle.charge(demands);
        self.used().charged = Some(charged);
        charged.map(drop).map_err(|denial| PlatformError::Throttled { denial })
    }

    /// Whether a read may be made that then turns out to be the smallest there is.
    fn check(&self, throttle: &Throttle, demand: Demand) -> Result<(), PlatformError> {
        let mut demands = self.used().reads.clone();
        demands.push(demand);
        throttle.check(&demands).map_err(|denial| {
            let mut used = self.used();
            used.charged = Some(Err(denial));
            // T-08: what was looked at before is not charged for either.
            used.reads.clear();
            PlatformError::Throttled { denial }
        })
    }

    fn demand(
        &self,
        kind: Kind,
        universe: UniverseId,
        entry: Option<EntryId>,
        size: usize,
    ) -> Demand {
        let Self { owner, door, family, .. } = *self;
        // An id that can be read in two ways is looked up twice, in one request.
        let count = u64::from(self.used().reads.is_empty());
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        Demand { owner, door, family, kind, universe, entry, size, count }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything but [`Metered::execute`] is the server's own.
impl Deref for Metered<'_> {
    type Target = App;

    fn deref(&self) -> &App {
        self.app
    }
}

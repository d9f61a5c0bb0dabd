//! What a player of the arena owns, and the operations that alone mint and burn coins.
//!
//! An operation's id is made of what it is for, such as the seventh match of player 3, and what it
//! pays or holds is drawn from its id. So whoever forgot in a crash that it was queued queues the
//! very same operation again, and it counts once.

use serde::{Deserialize, Serialize};
use steadfast::core::{Code, Rng};
use steadfast::{HandlerError, KindError, NewOperation, OperationError, Store};

/// The data store of the players.
pub(crate) const STORE: &str = "Arena";
/// What stands before a player's number in the key of the record: what the facade does unless told
/// otherwise.
pub(crate) const KEY_PREFIX: &str = "Player_";
/// Items that a bag holds before the oldest are used up.
const BAG_SIZE_MAX: usize = 32;
/// Of all arenas: what an operation pays is no chance of one run.
const DRAWS: u64 = 0x00a2_e4a0;

/// An item, and the operation that gave it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) from: String,
}

/// The record of a player.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Save {
    /// Changed by operations only.
    pub(crate) coins: i64,
    /// Given by operations, used up by edits.
    pub(crate) items: Vec<Item>,
    /// Items that were used up.
    pub(crate) used_count: u64,
    /// Where the player stands.
    pub(crate) at: (i64, i64),
    /// Moves ever made: the counter that acknowledged saves are held against.
    pub(crate) step_count: u64,
    /// Matches fought, and won.
    pub(crate) match_count: u64,
    pub(crate) win_count: u64,
    /// Matches whose rewards are queued: those before this number.
    pub(crate) paid_count: u64,
    /// Things asked for in the shop, and crates.
    pub(crate) order_count: u64,
    pub(crate) crate_count: u64,
}

impl Save {
    /// A move: an edit that mints and burns nothing.
    pub(crate) fn step(&mut self, by: (i64, i64)) {
        self.at = (self.at.0 + by.0, self.at.1 + by.1);
        self.step_count += 1;
        if self.items.len() > BAG_SIZE_MAX {
            self.items.remove(0);
            self.used_count += 1;
        }
    }
}

/// What an operation did to the coins: its handler's answer, which its receipt keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Flow {
    pub(crate) minted: i64,
    pub(crate) burned: i64,
}

impl Flow {
    pub(crate) const fn net(self) -> i64 {
        self.minted - self.burned
    }
}

/// The payload of every operation: all that its handler needs to know.
#[derive(Debug, Deserialize, Serialize)]
struct Deal {
    flow: Flow,
    item: Option<Item>,
}

/// What operations are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The reward of a match.
    Match,
    /// Coins from a friend, for a player who is away.
    Gift,
    /// An item from the shop. Who has too few coins gets nothing.
    Shop,
    /// A crate: paid for, with an item and perhaps coins. Who has too few coins fails.
    Crate,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Match, Self::Gift, Self::Shop, Self::Crate];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Gift => "gift",
            Self::Shop => "shop",
            Self::Crate => "crate",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether one that was applied put an item into the bag.
    pub(crate) const fn gives_item(self) -> bool {
        match self {
            Self::Match | Self::Gift => false,
            Self::Shop | Self::Crate => true,
        }
    }
}

/// An operation to be queued, and what it will do to the coins.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) flow: Flow,
    pub(crate) operation: NewOperation,
}

/// The id of the reward of a match.
pub(crate) fn match_id(player: u64, number: u64) -> String {
    format!("{}-{player}-{number}", Kind::Match.name())
}

/// The operation of a kind and an id. Chance is over once it is made: the payload says it all.
pub(crate) fn order(kind: Kind, id: String) -> Result<Order, OperationError> {
    let mut rng = Rng::stream(DRAWS, &id);
    let mut coins = |range| i64::try_from(rng.in_range(range)).unwrap_or(0);
    let flow = match kind {
        Kind::Match => Flow { minted: coins(20..61), burned: 0 },
        Kind::Gift => Flow { minted: coins(1..21), burned: 0 },
        Kind::Shop => Flow { minted: 0, burned: coins(10..50) },
        // One crate in eight has coins in it, seldom more than it costs.
        Kind::Crate => Flow { minted: if coins(0..8) == 0 { coins(5..60) } else { 0 }, burned: 30 },
    };
    let names = ["sword", "shield", "helmet", "boots", "ring", "potion", "banner"];
    let name = rng.pick(&names).copied().unwrap_or_default().to_owned();
    let item = kind.gives_item().then(|| Item { name, from: id.clone() });
    let operation = NewOperation::new(&id, kind.name(), &Deal { flow, item })?;
    Ok(Order { id, kind, flow, operation })
}

/// Takes the price, puts in the coins, and hands out the item: all of it, in one change.
fn carry_out(save: &mut Save, deal: Deal) -> Result<Flow, String> {
    let Deal { flow, item } = deal;
    if save.coins < flow.burned {
        return Err(format!("{} coins are too few for {}", save.coins, flow.burned));
    }
    save.coins += flow.net();
    save.items.extend(item);
    Ok(flow)
}

/// The store with everything that operations need. Receipts never leave, so that the audit can add
/// all of them up; a game keeps those of purchases, and lets those of rewards go.
pub(crate) fn with_handlers(store: Store<Save>) -> Result<Store<Save>, KindError> {
    let cancel = |reason: String| HandlerError::Cancel(reason.into());
    let fail = |reason: String| HandlerError::Fail(reason.into());
    store
        .handle_permanent(Kind::Match.name(), move |save, deal| {
            carry_out(save, deal).map_err(fail)
        })?
        .handle_permanent(Kind::Gift.name(), move |save, deal| carry_out(save, deal).map_err(fail))?
        .handle_permanent(Kind::Shop.name(), move |save, deal| {
            carry_out(save, deal).map_err(cancel)
        })?
        .handle_permanent(Kind::Crate.name(), move |save, deal| carry_out(save, deal).map_err(fail))
}

/// Whether the same may be asked again later, under the same id: the store was busy, or did not say
/// what became of it.
pub(crate) fn is_passing(code: Code) -> bool {
    code == Code::Contended || code.kind().retry_can_help()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_operation_each_time() {
        for kind in Kind::ALL {
            let make = || order(kind, format!("{}-3-7", kind.name())).unwrap();
            assert_eq!(make().operation, make().operation);
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
        assert_eq!(Kind::named("other"), None);
    }

    #[test]
    fn a_deal_is_made_whole_or_not_at_all() {
        let item = Item { name: "ring".into(), from: "shop-1-1".into() };
        let deal = || Deal { flow: Flow { minted: 5, burned: 40 }, item: Some(item.clone()) };
        let mut save = Save { coins: 39, ..Save::default() };
        let before = save.clone();
        carry_out(&mut save, deal()).unwrap_err();
        assert_eq!(save, before);
        save.coins = 40;
        assert_eq!(carry_out(&mut save, deal()).unwrap().net(), -35);
        assert_eq!((save.coins, save.items), (5, vec![item]));
    }

    #[test]
    fn a_full_bag_uses_up_its_oldest_item_and_counts_it() {
        let item = |number: usize| Item { name: "potion".into(), from: number.to_string() };
        let items = (0..=BAG_SIZE_MAX).map(item).collect();
        let mut save = Save { items, ..Save::default() };
        save.step((1, -1));
        save.step((1, -1));
        assert_eq!((save.items.len(), save.used_count, save.at), (BAG_SIZE_MAX, 1, (2, -2)));
        assert_eq!(save.items[0], item(1));
    }
}

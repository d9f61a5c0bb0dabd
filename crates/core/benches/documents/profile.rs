//! Profiles of players of any size: what games store, with at most 64 keys or items a level.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use steadfast_core::JsonText;

/// Most items of a chest, and most chests.
const ITEM_COUNT_MAX: usize = 64;

/// The profile as a game's own type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    pub(crate) coins: i64,
    pub(crate) gems: i64,
    pub(crate) display_name: String,
    pub(crate) level: u32,
    pub(crate) experience: f64,
    pub(crate) created_at: u64,
    pub(crate) last_login_at: u64,
    pub(crate) title: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) stats: BTreeMap<String, i64>,
    pub(crate) quests: BTreeMap<String, Quest>,
    pub(crate) friends: Vec<u64>,
    pub(crate) chests: BTreeMap<String, Vec<Item>>,
}

/// What a player chose.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    music_volume: f64,
    effects_volume: f64,
    is_chat_shown: bool,
    language: String,
}

/// How far a quest is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quest {
    state: String,
    step: u32,
    started_at: u64,
}

/// Something in a chest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) count: i64,
    id: String,
    level: u32,
}

const STATS: [&str; 12] = [
    "kills",
    "deaths",
    "assists",
    "wins",
    "losses",
    "playMinutes",
    "chestsOpened",
    "coinsEarned",
    "coinsSpent",
    "distanceWalked",
    "itemsCrafted",
    "trades",
];

const THINGS: [&str; 8] = [
    "iron_sword",
    "oak_shield",
    "potion_small",
    "potion_of_invisibility",
    "arrow",
    "gold_ring",
    "dragon_scale_armour",
    "map",
];

/// A profile of about that many bytes; of the same shape whatever its size, apart from its chests.
pub(crate) fn profile(size: usize) -> JsonText {
    let stats: Vec<_> =
        STATS.iter().enumerate().map(|(n, name)| format!(r#""{name}":{}"#, 37 + n * 611)).collect();
    let quests: Vec<_> = (0..4)
        .map(|n| {
            let started_at = 1_760_000_000_000_u64 + n * 86_400_000;
            format!(r#""quest_{n}":{{"startedAt":{started_at},"state":"active","step":{n}}}"#)
        })
        .collect();
    let mut chests = String::new();
    let rest = size.saturating_sub(850);
    let mut item_count = 0;
    while chests.len() < rest {
        let (chest, slot) = (item_count / ITEM_COUNT_MAX, item_count % ITEM_COUNT_MAX);
        assert!(chest < ITEM_COUNT_MAX, "a profile of this size has too many chests");
        let before = match (chest, slot) {
            (0, 0) => r#""chest_00":["#.to_owned(),
            (_, 0) => format!(r#"],"chest_{chest:02}":["#),
            _ => ",".to_owned(),
        };
        let (count, level) = (1 + item_count % 99, 1 + item_count % 7);
        let id = THINGS.iter().cycle().nth(item_count % THINGS.len()).copied().unwrap_or("map");
        write!(chests, r#"{before}{{"count":{count},"id":"{id}","level":{level}}}"#)
            .expect("writing to memory cannot fail");
        item_count += 1;
    }
    let end = if item_count > 0 { "]" } else { "" };
    JsonText::trusted(format!(
        concat!(
            r#"{{"chests":{{{}{}}},"coins":1250,"createdAt":1731000000000,"displayName":"Wanderer77","#,
            r#""experience":10480.5,"friends":[76561198000000001,76561198000000002,"#,
            r#"76561198000000003],"gems":14,"lastLoginAt":1763600000000,"level":31,"quests":{{{}}},"#,
            r#""settings":{{"effectsVolume":0.8,"isChatShown":true,"language":"en-GB","#,
            r#""musicVolume":0.35}},"stats":{{{}}},"title":"Keeper of the northern gate"}}"#,
        ),
        chests,
        end,
        quests.join(","),
        stats.join(","),
    ))
}

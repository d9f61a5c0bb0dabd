//! The audit: what stands in the directory, against what was told.
//!
//! It reads records, receipts and what waits by the calls that game servers use themselves, and
//! writes nothing. Coins come from nowhere but operations, so what players have must be what applied
//! operations minted less what they burned, to the coin.

mod directory;

use std::collections::{BTreeMap, BTreeSet};

use steadfast::core::operation::OperationStatus;

pub(crate) use directory::read;

use crate::told::Told;
use crate::world::{Flow, Kind, Save, match_id};

/// The end of an operation, as its receipt has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) status: OperationStatus,
    pub(crate) kind: Option<Kind>,
    /// What it did to the coins; nothing if the receipt does not say.
    pub(crate) flow: Option<Flow>,
}

/// Everything that is stored of one player.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) player: u64,
    pub(crate) save: Save,
    /// Operations whose receipts say that they ended.
    pub(crate) ended: BTreeMap<String, Ended>,
    /// Operations whose receipts say that they wait.
    pub(crate) expected: BTreeSet<String>,
    /// Operations that wait, in the order of the queue.
    pub(crate) waiting: Vec<String>,
}

/// What an audit counted, and what was wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) players: usize,
    pub(crate) coins: i64,
    pub(crate) minted: i64,
    pub(crate) burned: i64,
    pub(crate) applied: usize,
    pub(crate) without_effect: usize,
    pub(crate) waiting: usize,
    /// Operations that are stored although nobody was told: a kill was faster.
    pub(crate) untold: BTreeSet<String>,
    pub(crate) wrong: Vec<String>,
}

/// Holds what is stored against what was told.
pub(crate) fn judge(stored: &[Stored], told: &Told) -> Findings {
    let mut findings = Findings { players: stored.len(), ..Findings::default() };
    findings.wrong.clone_from(&told.contradictions);
    for player in stored {
        judge_coins(player, &mut findings);
        judge_items(player, &mut findings.wrong);
        judge_queue(player, &mut findings);
        judge_matches(player, &mut findings.wrong);
        let ids = player.ended.keys().chain(&player.expected);
        let untold = ids.filter(|id| !told.operations.contains_key(*id));
        findings.untold.extend(untold.cloned());
    }
    judge_all(stored, &mut findings);
    judge_told(stored, told, &mut findings.wrong);
    findings
}

fn judge_coins(stored: &Stored, findings: &mut Findings) {
    let (mut minted, mut burned) = (0, 0);
    for (id, ended) in &stored.ended {
        match (ended.status, ended.flow) {
            (OperationStatus::Applied, Some(flow)) => {
                findings.applied += 1;
                minted += flow.minted;
                burned += flow.burned;
            }
            (OperationStatus::Applied, None) => {
                findings.wrong.push(format!("{id} was applied, and its receipt has no answer"));
            }
            (OperationStatus::Cancelled | OperationStatus::Failed, _) => {
                findings.without_effect += 1;
            }
        }
    }
    let (player, coins) = (stored.player, stored.save.coins);
    if coins != minted - burned {
        findings.wrong.push(format!(
            "player {player} has {coins} coins, and operations minted {minted} and burned {burned}"
        ));
    }
    findings.coins += coins;
    findings.minted += minted;
    findings.burned += burned;
}

fn judge_items(stored: &Stored, wrong: &mut Vec<String>) {
    let Stored { player, save, ended, .. } = stored;
    let is_applied =
        |id: &str| ended.get(id).is_some_and(|ended| ended.status == OperationStatus::Applied);
    let mut sources = BTreeSet::new();
    for item in &save.items {
        if !sources.insert(&item.from) {
            wrong.push(format!("player {player} has two items of {}", item.from));
        }
        if !is_applied(&item.from) {
            wrong.push(format!("player {player} has an item of {}, not applied", item.from));
        }
    }
    let with_item = ended.iter().filter(|(_, ended)| ended.kind.is_some_and(Kind::gives_item));
    let gift_count = with_item.filter(|(id, _)| is_applied(id)).count();
    let owned = u64::try_from(save.items.len()).unwrap_or(u64::MAX).saturating_add(save.used_count);
    if u64::try_from(gift_count) != Ok(owned) {
        wrong.push(format!("player {player} had {owned} items, and operations gave {gift_count}"));
    }
}

/// Each operation stands in one place: it waits, or it has ended.
fn judge_queue(stored: &Stored, findings: &mut Findings) {
    let mut waiting = BTreeSet::new();
    for id in &stored.waiting {
        if !waiting.insert(id.clone()) {
            findings.wrong.push(format!("{id} waits twice"));
        }
        if stored.ended.contains_key(id) {
            findings.wrong.push(format!("{id} has ended, and waits"));
        }
    }
    for id in waiting.symmetric_difference(&stored.expected) {
        findings.wrong.push(format!("{id} waits without its receipt, or its receipt without it"));
    }
    findings.waiting += waiting.len();
}

/// A match counts as paid only once its reward is durable.
fn judge_matches(stored: &Stored, wrong: &mut Vec<String>) {
    for number in 0..stored.save.paid_count {
        let id = match_id(stored.player, number);
        if !stored.ended.contains_key(&id) && !stored.expected.contains(&id) {
            wrong.push(format!("player {} has no reward {id}", stored.player));
        }
    }
}

fn judge_all(stored: &[Stored], findings: &mut Findings) {
    // Both records of a match are one batch: it has a winner and two players, or was not fought.
    let fought: u64 = stored.iter().map(|it| it.save.match_count).sum();
    let won: u64 = stored.iter().map(|it| it.save.win_count).sum();
    if fought != won * 2 {
        findings.wrong.push(format!("{fought} players fought, and {won} of them won"));
    }
    let Findings { coins, minted, burned, .. } = *findings;
    if coins != minted - burned {
        findings.wrong.push(format!("{coins} coins exist, minted {minted}, burned {burned}"));
    }
}

fn judge_told(stored: &[Stored], told: &Told, wrong: &mut Vec<String>) {
    let of_player: BTreeMap<u64, &Stored> = stored.iter().map(|it| (it.player, it)).collect();
    for (player, told_count) in &told.step_counts {
        let count = of_player.get(player).map(|it| it.save.step_count);
        if count.is_none_or(|count| count < *told_count) {
            wrong.push(format!(
                "player {player}: a save at step {told_count} was acknowledged, {count:?} is stored"
            ));
        }
    }
    for (id, operation) in &told.operations {
        let player = of_player.get(&operation.player);
        let ended = player.and_then(|it| it.ended.get(id));
        if let Some(status) = operation.ended
            && ended.map(|ended| ended.status) != Some(status)
        {
            let stands = ended.map(|ended| ended.status.name());
            wrong.push(format!("{id} was told to be {}, its receipt: {stands:?}", status.name()));
        }
        if ended.is_none() && !player.is_some_and(|it| it.expected.contains(id)) {
            wrong.push(format!("{id} was told to be queued, and nobody knows it"));
        }
        let net = ended.and_then(|ended| ended.flow).map(Flow::net);
        if let (Some(net), Some(amount)) = (net, operation.amount)
            && net != amount
        {
            wrong.push(format!("{id} was told to be about {amount} coins, and did {net}"));
        }
    }
}

#[cfg(test)]
#[path = "audit/tests.rs"]
mod tests;

//! A player joins, plays, leaves, and comes back.
//!
//!     cargo run --example quickstart -- ./data

use std::error::Error;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast::{Cancel, Steadfast};

#[derive(Clone, Default, Deserialize, Serialize)]
struct Save {
    coins: i64,
    items: Vec<String>,
}

/// All of it, or nothing: whoever has too little keeps what there is.
fn buy(save: &mut Save, item: &str, price: i64) -> Result<(), Cancel> {
    if save.coins < price {
        return Err(Cancel::because("not enough coins"));
    }
    save.coins -= price;
    save.items.push(item.to_owned());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it shows what it does")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "./data".into());
    let db = Steadfast::open(dir).await?;
    let players = db.players::<Save>("PlayerData").await?;

    players.join(7)?;
    players.wait(7, Duration::from_secs(30)).await?;
    players.add(7, "coins", 100)?;
    players.edit(7, |save| buy(save, "sword", 60))?;
    if let Err(error) = players.edit(7, |save| buy(save, "castle", 1_000_000)) {
        println!("no castle: {error}");
    }
    players.checkpoint(7).await?; // durable now, whatever happens to this process
    players.release(7).await?; // saved, and free for any other server

    players.join(7)?;
    players.wait(7, Duration::from_secs(30)).await?;
    let (coins, items) = players.get(7, |save| (save.coins, save.items.len()))?;
    println!("player 7 has {coins} coins and {items} items");
    players.close().await;
    db.close()?;
    Ok(())
}

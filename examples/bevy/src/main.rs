//! Player data in a Bevy app: one system polls, once a frame, and turns what happened into messages;
//! every other system reads those, and edits players as it likes. No runtime, no waiting.
//!
//!     cd examples/bevy && cargo run

use std::error::Error;
use std::time::Duration;

use bevy_app::{App, AppExit, PreUpdate, Startup, Update};
use bevy_ecs::prelude::{Local, Message, MessageReader, MessageWriter, Res, Resource};
use serde::{Deserialize, Serialize};
use steadfast::{Drive, Happened, Options, PlayerEvent, Steadfast};

#[derive(Clone, Default, Deserialize, Serialize)]
struct Save {
    coins: i64,
}

/// The players of this server.
#[derive(Resource)]
struct Players(steadfast::Players<Save>);

/// What happened to a player.
#[derive(Message)]
struct PlayerMessage(PlayerEvent);

/// Everything due is done here, and nowhere else.
fn poll(
    players: Res<Players>,
    mut events: Local<Vec<PlayerEvent>>,
    mut messages: MessageWriter<PlayerMessage>,
) {
    players.0.poll(&mut events);
    messages.write_batch(events.drain(..).map(PlayerMessage));
}

/// A network layer would do this when somebody connects.
fn connect(players: Res<Players>) {
    if let Err(error) = players.0.join(7) {
        eprintln!("player 7 cannot join: {error}");
    }
}

fn greet(
    players: Res<Players>,
    mut messages: MessageReader<PlayerMessage>,
    mut exit: MessageWriter<AppExit>,
) {
    for PlayerMessage(PlayerEvent { player, what, .. }) in messages.read() {
        match what {
            Happened::Ready => {
                let earned = players.0.edit(player, |save| {
                    save.coins += 10;
                    Ok(save.coins)
                });
                println!("player {player} has {earned:?} coins");
                players.0.leave(player);
            }
            // A network layer would send this, close the connection, and call `leave`.
            Happened::Disconnect { message } => println!("player {player} has to go: {message}"),
            Happened::Released => {
                exit.write(AppExit::Success);
            }
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "./data".into());
    let options = Options { drive: Drive::ByPoll, ..Options::default() };
    let db = Steadfast::open_with(dir, options)?;
    let players = db.players_blocking("PlayerData")?;
    let mut app = App::new();
    app.add_message::<PlayerMessage>()
        .insert_resource(Players(players))
        .add_systems(Startup, connect)
        .add_systems(PreUpdate, poll)
        .add_systems(Update, greet);
    // A game has a window or a runner that keeps its frames.
    while app.should_exit().is_none() {
        app.update();
        std::thread::sleep(Duration::from_millis(16));
    }
    drop(app);
    db.close()?;
    Ok(())
}

//! Prints how long a player waits who changes servers, in virtual time.
//!
//! `cargo run --profile ci -p steadfast-proof --example hand_off [ROUNDS]`

use std::io::Write;

use steadfast_proof::hand_off::{Case, Conditions, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let conditions = Conditions { rounds, ..Conditions::default() };
    let mut out = std::io::stdout().lock();
    let (least, most) = conditions.latency;
    writeln!(
        out,
        "{rounds} rounds each, store {}-{} ms, {} % of answers and messages lost, 2-200 KB, half with unsaved edits\n",
        least.as_millis(),
        most.as_millis(),
        conditions.lost_percent
    )?;
    writeln!(out, "{:<18} {:>8} {:>8} {:>8} {:>8}", "", "median", "p99", "p99.9", "longest")?;
    for case in Case::ALL {
        let waits = run(case, &conditions)?;
        let seconds = |per_mille| format!("{:.2} s", waits.per_mille(per_mille).as_secs_f64());
        writeln!(
            out,
            "{:<18} {:>8} {:>8} {:>8} {:>8}",
            case.name(),
            seconds(500),
            seconds(990),
            seconds(999),
            seconds(1_000)
        )?;
    }
    Ok(())
}

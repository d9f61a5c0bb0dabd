//! Tries every combination of up to three faults around a save, a release, a hand-off and an
//! adoption.
//!
//! `cargo run --profile ci -p steadfast-proof --example exhaustive [FAULTS]`

use std::io::Write;

use steadfast_proof::exhaustive::{Attacked, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let faults = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let mut out = std::io::stdout().lock();
    for attacked in Attacked::ALL {
        let count = run(attacked, faults)?;
        writeln!(
            out,
            "{attacked:?}: {count} combinations of up to {faults} faults, no rule broken"
        )?;
    }
    Ok(())
}

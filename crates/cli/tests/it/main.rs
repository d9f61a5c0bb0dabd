//! The real program, as a shell runs it: what it prints, where, and what it exits with.

#[cfg(test)]
mod boards;
#[cfg(test)]
mod both;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod config;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod past;
#[cfg(test)]
mod program;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod support;
#[cfg(test)]
mod support_refusals;
#[cfg(test)]
mod transfers;

//! The proxy over real sockets, between a client and a server that do what each test wants.

#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod hardening;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod world;

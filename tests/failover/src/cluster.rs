//! All of it: three Redis, three Sentinels, HAProxy, webdis, two Envoys.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stack::bootstrap::Bootstrap;
use stack::{Envoy, Options, Scratch, paths};

use crate::front::Front;
use crate::node::Node;
use crate::sentinel::Sentinel;
use crate::shipped::Map;

/// Of Redis, and of Sentinels.
const COUNT: usize = 3;
/// Envoys.
pub const PODS: usize = 2;
/// The workers of each.
const WORKERS: usize = 2;
/// How long a heal may take until all replicas follow again.
const WHOLE: Duration = Duration::from_secs(120);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(50);

/// Everything that runs. All ends when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    /// Redis.
    pub nodes: Vec<Node>,
    /// The Sentinels.
    pub sentinels: Vec<Sentinel>,
    /// HAProxy and webdis.
    pub front: Front,
    /// The Envoys.
    pub envoys: Vec<Envoy>,
    /// Who is where.
    pub map: Map,
    /// Last, so that it goes when nobody writes there any more.
    folder: Scratch,
}

impl Cluster {
    /// Starts everything and waits until the master answers through webdis and all replicas follow.
    pub fn start(origin: u16) -> Result<Self, String> {
        let folder = Scratch::new("failover")?;
        let rooms = |kind: &str| (0..COUNT).map(|number| folder.room(&format!("{kind}-{number}"))).collect::<Vec<_>>();
        let nodes = rooms("redis").into_iter().enumerate().map(|(number, room)| Node::new(number, room?));
        let nodes = nodes.collect::<Result<Vec<_>, String>>()?;
        let sentinels = rooms("sentinel").into_iter().enumerate().map(|(number, room)| Sentinel::new(number, room?));
        let sentinels = sentinels.collect::<Result<Vec<_>, String>>()?;
        let map = Map::new(
            nodes.iter().map(Node::port).collect(),
            nodes.iter().map(|node| node.link.port()).collect(),
            sentinels.iter().map(Sentinel::port).collect(),
            folder.room("passwords")?,
        )?;
        let front = Front::new(folder.path().to_path_buf())?;
        let mut cluster = Self { nodes, sentinels, front, envoys: Vec::new(), map, folder };
        cluster.start_all(origin)?;
        Ok(cluster)
    }

    fn start_all(&mut self, origin: u16) -> Result<(), String> {
        for node in &mut self.nodes {
            node.start(&self.map)?;
        }
        for sentinel in &mut self.sentinels {
            sentinel.start(&self.map)?;
        }
        self.front.start_haproxy(&self.map)?;
        self.front.start_webdis()?;
        for number in 0..PODS {
            let room = self.folder.room(&format!("envoy-{number}"))?;
            let options = Options { workers: WORKERS, ..Options::default() };
            let mut envoy = Envoy::changed(bootstrap(origin, self.front.port())?, &room, options)?;
            envoy.start()?;
            self.envoys.push(envoy);
        }
        self.until("the master answers through webdis", WHOLE, |cluster| cluster.front.answers())?;
        self.await_whole()
    }

    /// Keeps the files when all has ended.
    pub fn keep(&mut self) {
        self.folder.keep(true);
        eprintln!("The files stay in {}", self.folder.path().display());
    }

    /// The number of the Redis that two Sentinels name.
    pub fn master(&self) -> Option<usize> {
        let named: Vec<_> = self.sentinels.iter().filter_map(Sentinel::named).collect();
        let agreed = named.iter().find(|port| named.iter().filter(|other| other == port).count() >= 2)?;
        self.map.named.iter().position(|port| port == agreed)
    }

    /// The master that the Sentinels name, with its number.
    pub fn named(&mut self) -> Result<(usize, &mut Node), String> {
        let number = self.master().ok_or("no two Sentinels name the same master")?;
        Ok((number, self.node(number)?))
    }

    /// A Redis by its number.
    pub fn node(&mut self, number: usize) -> Result<&mut Node, String> {
        self.nodes.get_mut(number).ok_or_else(|| format!("there is no redis-{number}"))
    }

    /// Waits until another Redis than this one is named by two Sentinels, and gives it.
    pub fn taken_over(&mut self, old: usize, limit: Duration) -> Result<usize, String> {
        let other = |cluster: &Self| cluster.master().is_some_and(|master| master != old);
        self.until("the Sentinels name another master", limit, other)?;
        self.master().ok_or_else(|| "the Sentinels do not agree any more".to_owned())
    }

    /// Waits until there is one master, named by all Sentinels, and the two others have everything from it.
    pub fn await_whole(&mut self) -> Result<(), String> {
        self.until("one master and two replicas that follow it, known to all Sentinels", WHOLE, Self::whole)
    }

    fn whole(&self) -> bool {
        let Some(master) = self.master() else { return false };
        let states: Option<Vec<_>> = self.nodes.iter().map(Node::replication).collect();
        let Some(states) = states else { return false };
        let Some(history) = states.get(master).map(|state| state.history.clone()) else { return false };
        let sound = states.iter().enumerate().all(|(number, state)| {
            let one = if number == master { state.master && state.replicas == COUNT - 1 } else { state.linked };
            one && state.history == history
        });
        sound
            && self.sentinels.iter().all(|sentinel| sentinel.named() == self.map.named.get(master).copied())
            && self.sentinels.iter().all(Sentinel::settled)
    }

    /// Waits until something is true, and as long as everything that should run does.
    pub fn until(&mut self, what: &str, limit: Duration, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        while !done(self) {
            if let Some(obituary) = self.obituary() {
                return Err(obituary);
            }
            if Instant::now() > deadline {
                let states: Vec<_> = self.nodes.iter().map(|node| (node.name(), node.replication())).collect();
                return Err(format!("not after {limit:?}: {what}. Sentinels: {:?}; {states:?}", self.master()));
            }
            sleep(GLANCE);
        }
        Ok(())
    }

    fn obituary(&mut self) -> Option<String> {
        let redis = self.nodes.iter_mut().find_map(Node::obituary);
        redis.or_else(|| self.front.obituary())
    }
}

/// The shipped Envoy configuration with a rule for our keys, and an L1 that forgets soon, so that much is asked of L2.
fn bootstrap(origin: u16, webdis: u16) -> Result<Bootstrap, String> {
    let mut bootstrap = Bootstrap::shipped()?;
    bootstrap.load(&paths::plugin()?)?;
    bootstrap.send_to("fingerprint-api", origin)?;
    bootstrap.send_to("webdis", webdis)?;
    patient(&mut bootstrap)?;
    let manager = bootstrap.connection_manager()?.as_object_mut().ok_or("no connection manager")?;
    manager.remove("access_log");
    let mut plugin = bootstrap.plugin()?;
    let members = plugin.as_object_mut().ok_or("the plugin configuration is no map")?;
    members.insert("memory".to_owned(), json!({ "ttl": "2s" }));
    let rule = json!({ "name": "keys", "match": { "methods": ["GET"], "path": "/v1/**" }, "auth": "shared" });
    members.insert("rules".to_owned(), json!([rule]));
    bootstrap.set_plugin(&plugin)?;
    Ok(bootstrap)
}

/// Gives connections to the service more than the shipped 250 ms. An Envoy that a busy machine holds up for so long
/// takes its own lateness for that of the service, twice (there is one retry), and says 503; that is not what is
/// looked for here.
fn patient(bootstrap: &mut Bootstrap) -> Result<(), String> {
    let clusters = bootstrap.tree().pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    let mut clusters = clusters.into_iter().flatten();
    let service = clusters.find(|cluster| cluster.get("name").is_some_and(|name| name == "fingerprint-api"));
    let time = service.and_then(|service| service.get_mut("connect_timeout")).ok_or("no connect_timeout")?;
    *time = "5s".into();
    Ok(())
}

//! Several Envoys, as pods of one deployment, before one webdis, one Redis and one service.

use std::path::Path;

use crate::bootstrap::Bootstrap;
use crate::client::Client;
use crate::envoy::{Envoy, Options};
use crate::port::Port;
use crate::publisher::Publisher;
use crate::redis::Redis;
use crate::relay::Relay;
use crate::scratch::Scratch;
use crate::webdis::Webdis;

/// One Envoy and its way to L2.
#[derive(Debug)]
pub struct Pod {
    /// Envoy with the filter.
    pub envoy: Envoy,
    /// To webdis: cut it, and this pod alone has no L2.
    pub link: Relay,
}

/// A running fleet. All ends when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The pods.
    pub pods: Vec<Pod>,
    /// Redis' HTTP front, for all of them.
    pub webdis: Webdis,
    /// From webdis to the Redis that is master.
    pub link: Relay,
    /// The Redis that is master.
    pub redis: Redis,
    /// Its replica, after [`Fleet::add_replica`].
    pub replica: Option<Redis>,
    /// Keeps others from the port where nobody listens.
    _unserved: Port,
    /// Last, so that it goes when nobody writes there any more.
    folder: Scratch,
}

impl Fleet {
    /// See [`crate::Builder::fleet`].
    pub(crate) fn start(bootstrap: &Bootstrap, options: &Options, pods: usize, unserved: Port) -> Result<Self, String> {
        let folder = Scratch::new("test-fleet")?;
        let mut redis = Redis::new(Port::free()?, &folder.room("redis")?);
        redis.start()?;
        let link = Relay::start(redis.port())?;
        let mut webdis = Webdis::new(Port::free()?, link.port(), folder.path());
        webdis.start()?;
        let rooms = (0..pods).map(|pod| folder.room(&format!("pod-{pod}")));
        let pods = rooms.map(|room| Pod::start(bootstrap, options, webdis.port(), &room?));
        let pods = pods.collect::<Result<_, String>>()?;
        Ok(Self { pods, webdis, link, redis, replica: None, _unserved: unserved, folder })
    }

    /// A pod by its number.
    ///
    /// # Errors
    /// A sentence, when there are not so many.
    pub fn pod(&mut self, number: usize) -> Result<&mut Pod, String> {
        self.pods.get_mut(number).ok_or_else(|| format!("there is no pod {number}"))
    }

    /// A connection to each worker of each pod.
    ///
    /// # Errors
    /// As [`Envoy::workers`].
    pub fn workers(&self) -> Result<Vec<Client>, String> {
        let all = self.pods.iter().map(|pod| pod.envoy.workers()).collect::<Result<Vec<_>, _>>()?;
        Ok(all.into_iter().flatten().collect())
    }

    /// A connection that publishes notices.
    ///
    /// # Errors
    /// As [`Publisher::connect`].
    pub fn publisher(&self) -> Result<Publisher, String> {
        Publisher::connect(&self.redis)
    }

    /// The sum of a metric over the pods that run.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.pods.iter().filter_map(|pod| pod.envoy.metrics().ok()).map(|metrics| metrics.sum(name, labels)).sum()
    }

    /// Starts a replica of Redis and waits until it has everything.
    ///
    /// # Errors
    /// A sentence with the end of its log.
    pub fn add_replica(&mut self) -> Result<(), String> {
        let mut replica = Redis::new(Port::free()?, &self.folder.room("replica")?);
        replica.start()?;
        replica.follow(&self.redis)?;
        self.replica = Some(replica);
        Ok(())
    }

    /// Kills Redis and makes its replica the master that webdis reaches; there is no replica then.
    ///
    /// # Errors
    /// A sentence, when there is no replica, or it does not take over.
    pub fn fail_over(&mut self) -> Result<(), String> {
        let mut replica = self.replica.take().ok_or("there is no replica")?;
        self.redis.kill();
        replica.promote()?;
        self.link.lead_to(replica.port());
        self.redis = replica;
        Ok(())
    }

    /// That nothing broke in any pod, as [`Envoy::unharmed`]. All have to run.
    ///
    /// # Errors
    /// As there.
    pub fn unharmed(&self) -> Result<(), String> {
        self.pods.iter().try_for_each(|pod| pod.envoy.unharmed())
    }

    /// Where the configurations and logs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Pod {
    fn start(bootstrap: &Bootstrap, options: &Options, webdis: u16, folder: &Path) -> Result<Self, String> {
        let (mut bootstrap, link) = (bootstrap.clone(), Relay::start(webdis)?);
        bootstrap.send_to("webdis", link.port())?;
        let mut envoy = Envoy::changed(bootstrap, folder, options.clone())?;
        envoy.start()?;
        Ok(Self { envoy, link })
    }
}

// The configuration as each part wants it: the one place where the names of settings meet the names of the
// parts.

import Events
import FanOut
import Glibc
import Journal
import Settings

extension ShardSettings {
    init(_ configuration: Configuration, retry: RetryPlan) {
        self.init()
        heartbeatSeconds = configuration.stream.heartbeat.wholeSeconds
        tailBytesMax = configuration.stream.tailSize.bytes
        tailFramesMax = configuration.stream.tailFrames
        tailLingerSeconds = configuration.stream.tailLinger.wholeSeconds
        tailSetsPerBusinessMax = configuration.stream.entitySets
        pageLimit = max(configuration.pages.backlogMinRecords, configuration.pages.frameMaxRecords)
        slowBytesMax = configuration.stream.slowSize.bytes
        slowSecondsMax = configuration.stream.slowAge.wholeSeconds
        lifetimeSeconds = configuration.stream.lifetime.wholeSeconds
        self.retry = retry
    }
}

extension RetryPlan {
    init(_ configuration: Configuration) {
        self.init()
        baseMilliseconds = configuration.stream.retryBase.milliseconds
        spreadMilliseconds = max(1, configuration.stream.retryJitter.milliseconds)
    }
}

extension StreamLimits {
    init(_ limits: Configuration.Limits) {
        self.init(
            total: limits.connections, perBusiness: limits.streamsPerBusiness,
            perDevice: limits.streamsPerDevice,
            perAddress: limits.connectionsPerAddress)
    }
}

extension ReadLimits {
    init(_ limits: Configuration.Limits) {
        self.init(answers: limits.readsInFlight, answersPerBusiness: limits.readsInFlightPerBusiness)
    }
}

extension TailerSettings {
    init(_ configuration: Configuration) {
        self.init()
        window = configuration.journal.wakeWindow
        poll = configuration.journal.wakePoll
        safetyPoll = configuration.journal.safetyPoll
        rowsMax = configuration.pages.frameMaxRecords
    }
}

extension EventLoop {
    /// The cores this process may use.
    static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}

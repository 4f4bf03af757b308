// The configuration as each part wants it: the one place where the names of settings meet the names of the
// parts.

import Domain
import Events
import FanOut
import Glibc
import Journal
import Registry
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
        lifetimeJitterPercent = configuration.stream.lifetimeJitterPercent
        drainMilliseconds = configuration.drain.window.milliseconds
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
        self.init(
            answers: limits.readsInFlight, answersPerBusiness: limits.readsInFlightPerBusiness,
            backlogRecordsPerSecond: limits.backlogRecordsPerSecond)
    }
}

extension TailerSettings {
    init(_ configuration: Configuration) {
        self.init()
        poll = configuration.journal.wakePoll
        safetyPoll = configuration.journal.safetyPoll
        rowsMax = configuration.pages.frameMaxRecords
    }
}

extension KeepingSettings {
    init(_ configuration: Configuration) {
        self.init(
            auditSharePercent: configuration.hooks.auditSharePercent,
            auditPause: configuration.hooks.auditPause)
    }
}

extension EventLoop {
    /// The cores this process may use.
    static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}

extension SanctumLayout {
    /// Nil unless the application's own tokens count.
    init?(_ configuration: Configuration) {
        let auth = configuration.auth
        guard auth.sanctum else { return nil }
        self.init(path: auth.sanctumDatabase.isEmpty ? configuration.database.path : auth.sanctumDatabase)
        tokens = auth.sanctumTokens
        users = auth.sanctumUsers
        businessColumn = auth.sanctumBusiness
        business = auth.sanctumOneBusiness.isEmpty ? nil : BusinessID(setting: auth.sanctumOneBusiness)
        tokenable = auth.sanctumTokenable
        lifetimeSeconds = auth.sanctumExpiration == .zero ? nil : Int64(auth.sanctumExpiration.wholeSeconds)
        touches = auth.sanctumTouch
    }
}

extension BusinessID {
    /// As a setting has it: digits are an integer.
    fileprivate init(setting text: String) {
        self = Int64(text).map { BusinessID($0) } ?? BusinessID(.text(text))
    }
}

// What the endpoints share. Made once at start; everything in it may be used from any lane.

import Domain
import FanOut
import HTTP
import Journal
import Lanes
import Logging
import Registry
import Settings
import Synchronization

/// The parts behind the endpoints. From any lane.
final class Services: Sendable {
    private let settings: Mutex<Configuration>
    /// The settings of the start for people, with where each value came from.
    let settingsShown: [ShownSetting]
    let catalogue: EntityCatalogue
    let clock: WallClock
    let log: Logger
    let credentials: CredentialBook
    let registry: Confined<Registry>
    let readers: ReaderPool
    let spools: SpoolBook
    let observations: Observations
    /// The same by service time: how old a position is.
    let ages: Observations
    let service: ServiceClock
    let events: ControlEvents
    let roster: StreamRoster
    let cors: CORS
    let proxies: ProxyTrust
    let rates: RateLimiter
    let syncLog: SyncLog
    let firstEdition = FirstEdition()
    let status: GatewayStatus
    let retry: RetryPlan
    /// Nil: no uploads are taken.
    let uploads: UploadDesk?
    let longLived: LongLivedOptions
    let exchanges: ExchangeSettings
    /// What answers hold that wait to be taken, by business; nil: who is none's.
    let answers: ByteShares<BusinessID?>
    let places: ConnectionPlaces
    let waitPace = WaitPace()
    private let publicURL: String
    private let streamNumber = Atomic<UInt64>(0)

    init(
        configuration: Configuration, settingsShown: [ShownSetting], catalogue: EntityCatalogue,
        clock: WallClock, log: Logger,
        credentials: CredentialBook, registry: Confined<Registry>, readers: ReaderPool, spools: SpoolBook,
        observations: Observations, ages: Observations, service: ServiceClock, events: ControlEvents,
        roster: StreamRoster, status: GatewayStatus,
        retry: RetryPlan, uploads: UploadDesk?
    ) {
        settings = Mutex(configuration)
        self.settingsShown = settingsShown
        self.catalogue = catalogue
        self.clock = clock
        self.log = log
        self.credentials = credentials
        self.registry = registry
        self.readers = readers
        self.spools = spools
        self.observations = observations
        self.ages = ages
        self.service = service
        self.events = events
        self.roster = roster
        self.status = status
        self.retry = retry
        exchanges = ExchangeSettings(configuration.limits)
        answers = ByteShares(
            bytesMax: configuration.limits.answersSize.bytes,
            bytesMaxEach: configuration.limits.answersSizePerBusiness.bytes)
        places = ConnectionPlaces(configuration)
        self.uploads = uploads
        publicURL = configuration.server.publicURL
        cors = CORS(configuration.browser)
        proxies = ProxyTrust(configuration.server)
        rates = RateLimiter(configuration.rates, clock: clock)
        syncLog = SyncLog(configuration, clock: clock)
        longLived = LongLivedOptions(
            sendBufferBytes: configuration.stream.sendBuffer.bytes,
            unsentLowWaterBytes: configuration.stream.unsentLowWater.bytes)
    }

    /// As it is now: a reload changes some of it. A copy; look it up where it is used.
    var configuration: Configuration { settings.withLock { $0 } }

    /// Takes over what may change while it runs. Returns the names of the settings that did, and of those
    /// that wait for a restart.
    func reload(_ wanted: Configuration) -> (changed: [String], waiting: [String]) {
        let differing = settings.withLock { current -> [Setting] in
            let differing = Setting.all.filter { $0.text(wanted) != $0.text(current) }
            for setting in differing where setting.isReloadable { setting.copy(from: wanted, to: &current) }
            return differing
        }
        roster.setLimits(StreamLimits(configuration.limits))
        return (
            differing.filter(\.isReloadable).map(\.name), differing.filter { !$0.isReloadable }.map(\.name)
        )
    }

    func nextStreamID() -> StreamID { StreamID(streamNumber.wrappingAdd(1, ordering: .relaxed).newValue) }

    /// An address of this API as answers name it.
    func url(_ path: String) -> String { publicURL + "/api/v1" + path }
}

extension Duration {
    var wholeSeconds: Int { Int(components.seconds) }
    var milliseconds: Int {
        Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}

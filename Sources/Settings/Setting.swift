// One row of the table of settings. Reading, printing, environment names, checks and the commented default
// file all derive from it, so that a setting is added in three lines: a field with its default, a row, a use.

/// One setting: its name, its place in a `Configuration`, its bounds and its prose. Immutable.
public struct Setting: Sendable {
    /// `section.key`, as in the file.
    public let name: String
    /// What it does and when to change it: sentences for whoever runs the gateway.
    public let help: String
    /// What is expected, with examples.
    public let expectation: String
    /// The allowed values in words; nil when the type says it all.
    public let bounds: String?
    /// What a client meets beyond it. Only limits have one.
    public let beyond: String?
    let isList: Bool

    /// The value in a configuration, as the file would have it.
    public let text: @Sendable (Configuration) -> String
    /// Sets the value, or says what is wrong with the text.
    let assign: @Sendable (String, inout Configuration) -> String?

    /// Whether a reload (SIGHUP) changes it at once; otherwise it waits for a restart.
    public var isReloadable: Bool { Self.reloadable.contains(name) }

    /// Takes over this setting's value.
    public func copy(from source: Configuration, to target: inout Configuration) {
        let complaint = assign(text(source), &target)
        precondition(complaint == nil, "\(name): a value that passed its checks passes them again")
    }

    /// `TIDINGS_SECTION_KEY`.
    public var environmentName: String { "TIDINGS_" + name.uppercased().replacing(".", with: "_") }
    public var section: String { String(name.prefix { $0 != "." }) }
    public var key: String { String(name.drop { $0 != "." }.dropFirst()) }
    /// The value without any file, as the file would have it.
    public var standard: String { text(Configuration()) }

    init<Value: SettingValue>(
        _ name: String, _ path: any WritableKeyPath<Configuration, Value> & Sendable, _ help: String,
        beyond: String? = nil, bounds: String? = nil,
        check: @escaping @Sendable (Value) -> Bool = { _ in true }
    ) {
        self.name = name
        self.help = help
        self.beyond = beyond
        self.bounds = bounds
        expectation = Value.expectation
        isList = Value.isList
        text = { $0[keyPath: path].settingText }
        assign = { text, configuration in
            guard let value = Value(settingText: text) else {
                return "\(Self.quoted(text)) is not \(Value.expectation)"
            }
            guard check(value) else { return "\(Self.quoted(text)) is out of bounds: \(bounds ?? "")" }
            configuration[keyPath: path] = value
            return nil
        }
    }

    /// A setting with a smallest and a largest value.
    ///
    /// - Parameter zero: What 0 means, where 0 is allowed beside the range.
    init<Value: SettingValue & Comparable & AdditiveArithmetic>(
        _ name: String, _ path: any WritableKeyPath<Configuration, Value> & Sendable,
        _ range: ClosedRange<Value>,
        zero: String? = nil, _ help: String, beyond: String? = nil
    ) {
        let span = "\(range.lowerBound.settingText) to \(range.upperBound.settingText)"
        self.init(
            name, path, help, beyond: beyond, bounds: zero.map { "\(span), or 0: \($0)" } ?? span,
            check: { range.contains($0) || (zero != nil && $0 == .zero) })
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.unicodeScalars.prefix(80).map { $0.escaped(asASCII: false) }.joined() + "'"
    }
}

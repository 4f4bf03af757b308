// How each type of setting is written and read: one spelling for the file, the environment, the command line
// and `tidings config show`. Numbers never go without their unit: 15 could be seconds or milliseconds, 15s
// not.

/// A type that settings can have.
public protocol SettingValue: Hashable, Sendable {
    /// What is expected, with examples, to stand behind "expected".
    static var expectation: String { get }
    /// Whether a YAML sequence may stand for it.
    static var isList: Bool { get }
    /// Nil when the text is not of this type.
    init?(settingText: String)
    /// The text that reads back as this value.
    var settingText: String { get }
}

extension SettingValue {
    public static var isList: Bool { false }
}

/// Digits, grouped by underscores if one likes: `100_000`.
enum WholeNumber {
    static func parse(_ text: some StringProtocol) -> Int? {
        guard let first = text.utf8.first, (0x30...0x39).contains(first),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x5F })
        else { return nil }
        return Int(String(text).replacing("_", with: ""))
    }
}

extension Int: SettingValue {
    public static var expectation: String { "a whole number, such as 8 or 10_000" }
    public init?(settingText: String) {
        guard let value = WholeNumber.parse(settingText) else { return nil }
        self = value
    }
    public var settingText: String { String(self) }
}

extension Bool: SettingValue {
    public static var expectation: String { "true or false" }
    public init?(settingText: String) { self.init(settingText) }
    public var settingText: String { description }
}

extension String: SettingValue {
    public static var expectation: String { "text without control characters" }
    public init?(settingText: String) {
        guard settingText.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            return nil
        }
        self = settingText
    }
    public var settingText: String { self }
}

extension ByteSize: SettingValue {
    public static var expectation: String { "a size with its unit, such as 512B, 64KiB or 4MiB" }
    public init?(settingText: String) { self.init(settingText) }
    public var settingText: String { description }
}

extension ListenAddress: SettingValue {
    public static var expectation: String {
        "a numeric address and a port, such as 127.0.0.1:8787 or [::1]:8787"
    }
    public init?(settingText: String) { self.init(settingText) }
    public var settingText: String { description }
}

extension AddressRange: SettingValue {
    public static var expectation: String { "a block of addresses, such as 10.0.0.0/8 or fd00::/8" }
    public init?(settingText: String) { self.init(settingText) }
    public var settingText: String { description }
}

extension WebOrigin: SettingValue {
    public static var expectation: String { "an origin as browsers send it, such as https://shop.example" }
    public init?(settingText: String) { self.init(settingText) }
    public var settingText: String { description }
}

extension Array: SettingValue where Element: SettingValue {
    public static var expectation: String { "a list, each \(Element.expectation)" }
    public static var isList: Bool { true }
    public init?(settingText: String) {
        self = []
        for part in settingText.split(separator: ",") {
            guard let element = Element(settingText: String(part.trimmingSpaces)) else { return nil }
            append(element)
        }
    }
    public var settingText: String { map(\.settingText).joined(separator: ", ") }
}

extension RawRepresentable where RawValue == String, Self: CaseIterable, Self: SettingValue {
    public static var expectation: String {
        let names = allCases.map(\.rawValue)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }
    public init?(settingText: String) { self.init(rawValue: settingText) }
    public var settingText: String { rawValue }
}

extension DatabaseMode: SettingValue {}
extension Durability: SettingValue {}
extension UploadAcceptance: SettingValue {}
extension SameSite: SettingValue {}
extension LogFormat: SettingValue {}
extension LogLevel: SettingValue {}
extension AddressDetail: SettingValue {}
extension ForwardingHeader: SettingValue {}

extension StringProtocol {
    var trimmingSpaces: SubSequence {
        let head = drop { $0 == " " || $0 == "\t" }
        let end = head.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { head[...$0] } ?? head[head.startIndex..<head.startIndex]
    }
}

// A setting as it is shown to people: `tidings config show`, `/config` of the admin listener.

/// One setting with its value and where that came from. A value.
public struct ShownSetting: Encodable, Hashable, Sendable {
    public let name: String
    public private(set) var value: String
    public let standard: String
    /// The file with its line, the environment's variable, the command line, or the default.
    public let source: String
    public let environment: String

    /// Whether somebody gave it.
    public var isGiven: Bool { source != SettingSource.standard.description }

    /// The same with its value in a configuration that was reloaded since.
    public func asOf(_ configuration: Configuration) -> ShownSetting {
        var shown = self
        if let setting = Layers.setting(named: name) { shown.value = setting.text(configuration) }
        return shown
    }
}

extension LoadedConfiguration {
    /// Every setting, in the order of the file. No setting holds a secret; credentials are in the gateway's
    /// file.
    public var shown: [ShownSetting] {
        Setting.all.map { setting in
            ShownSetting(
                name: setting.name, value: setting.text(configuration), standard: setting.standard,
                source: source(of: setting).description, environment: setting.environmentName)
        }
    }
}

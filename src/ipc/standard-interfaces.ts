import { method, signal, type InterfaceContract } from './contract-types.ts';

/** `org.freedesktop.DBus.Introspectable`. */
export const introspectable: InterfaceContract = {
  name: 'org.freedesktop.DBus.Introspectable',
  methods: [method('Introspect', '', 'xml_data:s')],
  signals: [],
  properties: [],
};

/** `org.freedesktop.DBus.Properties`. */
export const properties: InterfaceContract = {
  name: 'org.freedesktop.DBus.Properties',
  methods: [
    method('Get', 'interface_name:s property_name:s', 'value:v'),
    method('GetAll', 'interface_name:s', 'properties:a{sv}'),
    method('Set', 'interface_name:s property_name:s value:v', ''),
  ],
  signals: [signal('PropertiesChanged', 'interface_name:s changed_properties:a{sv} invalidated_properties:as')],
  properties: [],
};

/** `org.freedesktop.DBus.Peer`. */
export const peer: InterfaceContract = {
  name: 'org.freedesktop.DBus.Peer',
  methods: [method('Ping', '', ''), method('GetMachineId', '', 'machine_uuid:s')],
  signals: [],
  properties: [],
};

/** `org.freedesktop.DBus.ObjectManager`. */
export const objectManager: InterfaceContract = {
  name: 'org.freedesktop.DBus.ObjectManager',
  methods: [method('GetManagedObjects', '', 'objects:a{oa{sa{sv}}}')],
  signals: [
    signal('InterfacesAdded', 'object_path:o interfaces_and_properties:a{sa{sv}}'),
    signal('InterfacesRemoved', 'object_path:o interfaces:as'),
  ],
  properties: [],
};

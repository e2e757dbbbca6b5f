import type { ArgumentContract, InterfaceContract } from './contract-types.ts';
import { contract } from './contract.ts';

const doctype = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
                      "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
`;

/** The interface as introspection XML, indented by two spaces: the very text that the shipped file holds. */
export function renderInterface(one: InterfaceContract): string {
  const lines = [`  <interface name="${one.name}">`];
  for (const method of one.methods) {
    const inner = [...method.in.map((arg) => argument(arg, 'in')), ...method.out.map((arg) => argument(arg, 'out'))];
    lines.push(...element('method', method.name, inner));
  }
  for (const signal of one.signals) {
    lines.push(
      ...element(
        'signal',
        signal.name,
        signal.args.map((arg) => argument(arg)),
      ),
    );
  }
  for (const property of one.properties) {
    lines.push(`    <property name="${property.name}" type="${property.type}" access="read"/>`);
  }
  lines.push('  </interface>');
  return `${lines.join('\n')}\n`;
}

/** The introspection answer of an object with these interfaces and child nodes. */
export function renderNode(interfaces: readonly InterfaceContract[], children: readonly string[]): string {
  const nodes = children.map((name) => `  <node name="${name}"/>\n`).join('');
  return `${doctype}<node>\n${interfaces.map(renderInterface).join('')}${nodes}</node>\n`;
}

/** The published contract as one file: `dbus/org.projectatomic.rpmostree1.xml`. */
export function renderContract(): string {
  return renderNode(contract, []);
}

/** An element with children, or an empty one. */
function element(kind: string, name: string, inner: readonly string[]): string[] {
  if (inner.length === 0) return [`    <${kind} name="${name}"/>`];
  return [`    <${kind} name="${name}">`, ...inner, `    </${kind}>`];
}

function argument(arg: ArgumentContract, direction?: 'in' | 'out'): string {
  const towards = direction === undefined ? '' : ` direction="${direction}"`;
  return `      <arg name="${arg.name}" type="${arg.type}"${towards}/>`;
}

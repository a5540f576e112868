// Where a server listens, as Node takes it. `::` is every address, IPv6 and IPv4. Without a host Node
// listens there too, and on IPv4 alone where the kernel has no IPv6: so one setting fits every cluster.

export const everyAddress = '::'

export const listenHost = (host: string): { readonly host?: string } =>
  host === everyAddress ? {} : { host }

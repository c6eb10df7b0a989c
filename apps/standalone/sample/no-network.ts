/** Loaded before a program (`node --import`), it leaves it without a network: whatever would connect, listen, send or resolve throws. */
import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';

const off = (): never => {
  throw new Error('the network is off');
};

net.Socket.prototype.connect = off;
net.Server.prototype.listen = off;
dgram.Socket.prototype.send = off;
dgram.Socket.prototype.bind = off;
dns.lookup = off as never;
dns.promises.lookup = off;

// hot
/**
 * Which of several network agents has a UDP port of this machine. Senders take a port of their own that belongs to the agent
 * of the port they send to, so both ends of a stream choose the same number; on a wire whose queue i at one side is queue i
 * at the other nothing then arrives at a wrong queue.
 */
export function ownerOf(port: number, agentCount: number): number {
  return port % agentCount;
}

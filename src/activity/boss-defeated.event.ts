/** The boss of a game was defeated: what a recorded change *means* to the game. */
export class BossDefeatedEvent {
  constructor(
    readonly gameId: string,
    readonly name: string,
    /** Who struck the last blow. */
    readonly clientId: string,
  ) {}
}
